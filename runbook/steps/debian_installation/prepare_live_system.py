"""The live system itself: what it needs to know to install another one."""

from __future__ import annotations

from runbook.actions import Action, InstallPackages, Run
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, disk_dangers, target

TITLE = "Install the tools in the live system"
GUIDE = "“Wheezy Installation”: the installer's own menus, with “Advanced Install”"
RISK = "safe"

_TOOLS = {
    "apt-get": "apt",
    "mmdebstrap": "mmdebstrap",
    "sfdisk": "fdisk",
    "lvm": "lvm2",
    "mkfs.vfat": "dosfstools",
    "mkfs.ext4": "e2fsprogs",
}
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MISSING = Ask.shell(
    f'for p in {" ".join(_TOOLS)}; do command -v "$p" >/dev/null || echo "$p"; done; '
    f"[ -e {_KEYRING} ] || echo {_KEYRING}"
)
_FRESH = Ask.shell(
    "ls /var/lib/apt/lists | grep -q _Packages && find /var/lib/apt/lists/partial -maxdepth 0 -mmin -1440 | grep ."
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*target.asks(params), _MISSING, _FRESH)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Install what is missing into the live system; it is gone with the next restart."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    findings = (*disk_dangers.refusals(params, here), *_locked_out(params))
    missing = facts[_MISSING].out.split()
    if not missing or findings:
        return Plan(findings=findings, note="" if missing else "The live system has all it needs.")
    if "apt-get" in missing:
        return Plan(findings=(_no_debian(missing),))
    names = tuple(_TOOLS.get(tool, "debian-archive-keyring") for tool in missing)
    actions: list[Action] = [InstallPackages(names)]
    if not facts[_FRESH].ok:
        actions.insert(0, Run(apt.UPDATE, "its package lists are missing or old", timeout_s=900))
    return Plan(tuple(actions), note="They go into the live system's memory, not onto the disk.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every tool is there."""
    here = target.read(params, facts)
    if target.needless(params, here):
        return []
    return [
        *disk_dangers.refusals(params, here),
        *(
            Finding("fail", f"{tool} is still missing", do="read what apt said, and run the step again")
            for tool in facts[_MISSING].out.split()
        ),
    ]


def _locked_out(params: HostParams) -> tuple[Finding, ...]:
    """Who is root by sudo in the live system has no account in the new one."""
    if not params.is_by_sudo or params.connection.kind != "ssh":
        return ()
    return (
        Finding(
            "refuse",
            "Nobody could go on after the restart: the new system has no account but root",
            "`become: sudo` comes in as a user of the live system, who is gone with it",
            "put your key there (`sudo install -D -m 600 ~/.ssh/authorized_keys /root/.ssh/authorized_keys`), let "
            "connection.to go to root, and leave `become` out",
            "useradd(8)",
        ),
    )


def _no_debian(missing: list[str]) -> Finding:
    return Finding(
        "refuse",
        "The live system is no Debian",
        f"it has no apt to install {', '.join(missing[1:]) or 'anything'} with",
        "start a live system of Debian, or one that is made from it",
        "mmdebstrap(1)",
    )
