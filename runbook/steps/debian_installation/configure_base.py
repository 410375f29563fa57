"""What makes the unpacked base this very host: its name, network, file systems, sources and keys."""

from __future__ import annotations

from runbook.actions import Action, Foreseen, Link, Run, SetPassword, WriteFile
from runbook.facts import uplink
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import install_base
from runbook.steps.shared import debian_files, debian_sources, target
from runbook.steps.shared.target import ROOT, Situation

TITLE = "Tell the new system who and where it is"
GUIDE = "“Wheezy Installation”: the defaults of the installer's questions; root only, no further user"
RISK = "safe"

_FILES = {
    "fstab": f"{ROOT}/etc/fstab",
    "hostname": f"{ROOT}/etc/hostname",
    "hosts": f"{ROOT}/etc/hosts",
    "interfaces": f"{ROOT}/etc/network/interfaces",
    "list": f"{ROOT}/etc/apt/sources.list",
    "sources": f"{ROOT}/etc/apt/sources.list.d/debian.sources",
    "resume": f"{ROOT}/etc/initramfs-tools/conf.d/resume",
    "keys": f"{ROOT}/root/.ssh/authorized_keys",
}
_LIVE_KEYS = "/root/.ssh/authorized_keys"
_HOST_KEYS = Ask.shell(
    f"sha256sum /etc/ssh/ssh_host_*_key.pub {ROOT}/etc/ssh/ssh_host_*_key.pub 2>/dev/null; true"
)
_COPY_KEYS = (
    f"install -d {ROOT}/etc/ssh; cp -p /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub {ROOT}/etc/ssh/"
)
# Only whether there is a hash: the hash itself stays on the machine.
_PASSWORD = Ask.run("grep", "-c", "^root:[$]", f"{ROOT}/etc/shadow")
_LOCALTIME = Ask.run("readlink", f"{ROOT}/etc/localtime")
_TMP = Ask.run("stat", "-c", "%a", f"{ROOT}/tmp")


def asks(params: HostParams) -> tuple[Ask, ...]:
    texts = (Ask.read(path) for path in (*_FILES.values(), _LIVE_KEYS))
    own = (_HOST_KEYS, _PASSWORD, _LOCALTIME, _TMP, _zone(params))
    return (*install_base.asks(params), *uplink.COMMANDS, *texts, *own)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the files that differ, and carry over by what this session knows the host: its keys."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(install_base, params, facts)
    stops, remarks = _stops(params, facts, is_unpacked=not waits), _remarks(params, facts)
    wanted = {} if stops else _wanted(params, facts, here)
    actions: list[Action] = []
    if waits and wanted and not wanted["fstab"]:
        actions.append(_foreseen_fstab(here))
        del wanted["fstab"]
    actions += [
        WriteFile(_FILES[name], content, "0600" if name == "keys" else "0644")
        for name, content in wanted.items()
        if facts.text(_FILES[name]) != content
    ]
    if not stops:
        actions += _others(params, facts)
    return Plan(tuple(actions), (*waits, *stops, *remarks))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every file is as it should be, and the host's keys are those of this session."""
    here = target.read(params, facts)
    if target.needless(params, here):
        return []
    return target.still("configure_base", plan(params, facts))


def _wanted(params: HostParams, facts: Facts, here: Situation) -> dict[str, str]:
    card, found = uplink.parse(facts), debian_sources.read(params, facts)
    assert card
    assert not isinstance(found, Finding)
    return {
        "fstab": debian_files.fstab(here) or "",
        "hostname": f"{params.host}\n",
        "hosts": debian_files.hosts(params),
        "interfaces": debian_files.interfaces(card),
        "list": "# See /etc/apt/sources.list.d/debian.sources\n",
        "sources": found.text,
        # dom0 is never sent to sleep; without this line the start waits for a system to wake up.
        "resume": "RESUME=none\n",
        "keys": _keys(params, facts),
    }


def _others(params: HostParams, facts: Facts) -> list[Action]:
    actions: list[Action] = []
    zone = f"/usr/share/zoneinfo/{params.installation.time_zone}"
    if facts[_LOCALTIME].out.strip() != zone:
        actions.append(Link(f"{ROOT}/etc/localtime", zone))
    if facts[_TMP].out.strip() != "1777":
        actions.append(
            Run(("chmod", "1777", f"{ROOT}/tmp"), "everybody may write there, and remove only their own")
        )
    if not _has_host_keys(facts):
        actions.append(
            Run(("sh", "-ec", _COPY_KEYS), "so that ssh finds the host that it knows after the restart")
        )
    if params.installation.root_password_hash and not facts[_PASSWORD].ok:
        actions.append(SetPassword(ROOT, params.installation.root_password_hash))
    return actions


def _keys(params: HostParams, facts: Facts) -> str:
    own = params.installation.authorized_keys
    return "".join(f"{key}\n" for key in own) if own else facts.text(_LIVE_KEYS) or ""


def _has_host_keys(facts: Facts) -> bool:
    """Return whether each of the live system's host keys is the new system's too."""
    rows = [line.split("  ", 1) for line in facts[_HOST_KEYS].out.splitlines()]
    new = {path.removeprefix(ROOT): digest for digest, path in rows if path.startswith(ROOT)}
    return all(new.get(path) == digest for digest, path in rows if not path.startswith(ROOT))


def _zone(params: HostParams) -> Ask:
    return Ask.run("find", f"{ROOT}/usr/share/zoneinfo/{params.installation.time_zone}", "-maxdepth", "0")


def _foreseen_fstab(here: Situation) -> Foreseen:
    lines = [f"+UUID=… {place.mount or 'none'} {place.fs}" for place in here.places]
    return Foreseen(
        f"write {_FILES['fstab']}", "\n".join(lines), "each file system has its UUID when it is made"
    )


def _stops(params: HostParams, facts: Facts, *, is_unpacked: bool) -> tuple[Finding, ...]:
    card, found = uplink.parse(facts), []
    if card is None or card.is_wireless:
        found.append(
            Finding(
                "refuse",
                "No cabled network card carries the default route"
                if card is None
                else f"{card.name} is wireless",
                "the new system has to be told by which card it will be reached",
                "connect a cable and let the live system use it, then run again",
                "H651",
            )
        )
    if not _keys(params, facts).strip() and not params.installation.root_password_hash:
        found.append(
            Finding(
                "refuse",
                "Nobody could log in to the new system",
                "the parameters have neither a key nor a password for root, and the live session has no key to hand on",
                "add a line to installation.authorized_keys",
                "sshd(8), AUTHORIZED_KEYS",
            )
        )
    if is_unpacked and not facts[_zone(params)].ok:
        zone = params.installation.time_zone
        found.append(
            Finding(
                "refuse",
                f"Debian knows no time zone {zone}",
                f"there is no /usr/share/zoneinfo/{zone}",
                "correct installation.time_zone; `timedatectl list-timezones` lists them",
                "tzselect(8)",
            )
        )
    return (*found, *([bad] if isinstance(bad := debian_sources.read(params, facts), Finding) else []))


def _remarks(params: HostParams, facts: Facts) -> tuple[Finding, ...]:
    card, found = uplink.parse(facts), []
    mine = {" ".join(key.split()[:2]) for key in params.installation.authorized_keys}
    live = {" ".join(line.split()[:2]) for line in (facts.text(_LIVE_KEYS) or "").splitlines()}
    if mine and live and not mine & live:
        found.append(
            Finding(
                "warn",
                "The key of this session will not open the new system",
                "installation.authorized_keys has other keys than the live system",
                "see that you hold one of them; otherwise nobody gets in after the restart",
            )
        )
    if card and card.address:
        found.append(
            Finding(
                "warn",
                f"{card.name} has a fixed address, {card.address}, and the new system will keep it",
                "the live system did not lease it by DHCP",
                "see that it belongs to this machine",
                "interfaces(5)",
            )
        )
    now = debian_sources.read(params, facts)
    if not isinstance(now, Finding) and not now.has_security:
        found.append(
            Finding(
                "warn",
                "The new system has no source of security updates",
                "the live system's own sources name none",
                f"add the suite {params.release}-security to its /etc/apt/sources.list.d/debian.sources afterwards",
                "sources.list(5)",
            )
        )
    return tuple(found)
