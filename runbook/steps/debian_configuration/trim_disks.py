"""TRIM that takes effect: LVM's setting as LVM itself reports it, and a weekly run that reaches the volumes."""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import services, trim
from runbook.facts.trim import LVM_LOCAL, TIMER, Trim
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import own_units, wanted_packages
from runbook.steps.shared.edits import with_section

TITLE = "Tell solid-state disks which blocks are free"
GUIDE = (
    "“Wheezy Configuration” and the template: a sed that changed a comment, a weekly job that skipped every LVM "
    "volume, and a weekly e4defrag (H306, H307, H311)"
)
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return trim.COMMANDS


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write LVM's section and enable the timer, each only when what is in force differs."""
    now, actions, lost = trim.parse(facts), list[Action](), list[Finding]()
    if any(now.lvm.get(key) != value for key, value in _values(params).items() if now.lvm):
        actions.append(WriteFile(LVM_LOCAL, with_section(now.lvm_local or "", _section(params))))
        lost = _lost(params, now)
    timer = services.parse(facts, TIMER)[TIMER]
    if params.configuration.trim.weekly and not (timer.starts_at_boot and timer.active == "active"):
        actions.append(Run(("systemctl", "enable", "--now", TIMER), undo=wanted_packages.switched_off(timer)))
    wanted = [timer] if params.configuration.trim.weekly else []
    stops = own_units.masked(wanted, "else set configuration.trim.weekly: false")
    return Plan(tuple(actions), (*stops, *lost, *_cautions(params, now)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """LVM reports the values asked for, and a dry run of fstrim reaches every volume that can be trimmed."""
    now, found = trim.parse(facts), list[Finding]()
    for key, value in _values(params).items() if now.lvm else ():
        if now.lvm.get(key) != value:
            found.append(
                _fail(
                    f"LVM's setting devices/{key} is {now.lvm.get(key, 'unknown')}, not {value}",
                    f"{LVM_LOCAL} may hold it twice, or a tag's file stands over it",
                    "look at `lvmconfig --typeconfig diff` on the host",
                    "H307",
                )
            )
    timer = services.parse(facts, TIMER)[TIMER]
    if not params.configuration.trim.weekly:
        return found
    if not timer.starts_at_boot:
        found.append(_fail(f"{TIMER} does not start at boot", "nothing trims the disks then", _AGAIN, "H306"))
    # fstrim takes each file system once, at one of its places (subvolumes, bind mounts).
    if missed := sorted(p for places in now.able if not {*places} & {*now.covered} for p in places):
        found.append(
            _fail(
                f"The weekly run does not reach {', '.join(missed)}",
                "the device takes the news, and a dry run of fstrim does not name it",
                "look at `fstrim --dry-run --fstab --verbose` on the host",
                "H306",
            )
        )
    return [*found, *_cautions(params, now)]


_AGAIN = "run the step trim_disks in mode apply"


def _values(params: HostParams) -> dict[str, str]:
    """Return LVM's settings: no look for volume groups inside guests' volumes, whatever lvm.conf says."""
    return {"issue_discards": "1" if params.configuration.trim.removed_volumes else "0", "scan_lvs": "0"}


def _section(params: HostParams) -> str:
    lines = "".join(f"\t{key} = {value}\n" for key, value in _values(params).items())
    return f"# From params configuration.trim; in force is what `lvmconfig` says.\ndevices {{\n{lines}}}\n"


def _lost(params: HostParams, now: Trim) -> list[Finding]:
    """Return what a person switched on in LVM, and would be off: both are off unless somebody wrote them."""
    moves = {
        "issue_discards": "set `configuration.trim.removed_volumes: true`, which keeps it",
        "scan_lvs": "take it out of LVM's files yourself, once no volume group of this host lies inside a volume",
    }
    return [
        Finding(
            "loss",
            f"LVM's setting devices/{key}=1 of this host would be 0",
            "somebody wrote it, since LVM's own value is 0"
            + (
                "; and with it this host takes guests' volume groups for its own" if key == "scan_lvs" else ""
            ),
            f"{moves[key]}; or agree to this very plan",
            "lvm.conf(5)",
        )
        for key, value in _values(params).items()
        if now.lvm.get(key) == "1" and value == "0"
    ]


def _cautions(params: HostParams, now: Trim) -> list[Finding]:
    found = []
    if params.configuration.trim.weekly and not now.able:
        found.append(
            Finding(
                "info",
                "No disk here wants to know about free blocks",
                "a spinning disk, or a virtual one that does not pass it on; the timer then finds nothing to do",
                source="fstrim(8)",
            )
        )
    if now.unable:
        found.append(
            Finding(
                "warn",
                f"{', '.join(now.unable)} cannot be trimmed although the disk could",
                "a layer between does not pass it on; encryption does so only when it is told to",
                "for an encrypted volume add `discard` to its line in /etc/crypttab, if you accept what that reveals",
                "crypttab(5)",
            )
        )
    return found


def _fail(what: str, why: str, do: str, source: str) -> Finding:
    return Finding("fail", what, why, do, source)
