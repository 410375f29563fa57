"""Every guest ends before the host goes down: asked in a way that its system understands, and waited for.

Debian's xendomains asks with `xl shutdown`, which reaches only guests with Xen's drivers: any other HVM guest, a fresh
Windows first, is passed over and cut off (xl(1), shutdown; /etc/init.d/xendomains, do_stop_shutdown).
"""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import services, system
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import clean_ends, own_folders
from runbook.steps.shared.own_units import RELOAD

TITLE = "End the guests cleanly before the host goes down"
GUIDE = "Not in the guide: its Windows, without Xen's drivers, was cut off at every restart of the host"
RISK = "safe"

UNIT = "xen-guests-end.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
SESSIONS_FILE = "/etc/systemd/system/session-.scope.d/xen-guests-end.conf"
_SESSIONS = SESSIONS_FILE.rpartition("/")[0]
_FOLDER = own_folders.made(_SESSIONS, "what is in it holds for every session")
STOP_S = 1620
"""How long systemd waits for the unit: longer than the program takes, shorter than the 30 minutes of a restart."""


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (
        *system.COMMANDS,
        *ending.COMMANDS,
        *services.commands(UNIT),
        *map(Ask.read, (UNIT_FILE, SESSIONS_FILE, ending.KEPT)),
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the program, the unit that calls it and what makes sessions wait; enable it, and start it under Xen.

    Nothing of Debian's own is changed: xendomains comes behind it, with no guest left to wait for.
    """
    now = services.parse(facts, UNIT)[UNIT]
    files = [
        WriteFile(path, text)
        for path, text in ((UNIT_FILE, unit()), (SESSIONS_FILE, sessions()))
        if facts.text(path) != text
    ]
    folder = () if facts.text(SESSIONS_FILE) is not None else (_FOLDER,)
    actions: list[Action] = [*clean_ends.install(facts), *folder, *files]
    if files or now.is_outdated or not now.exists:
        actions.append(RELOAD)
    if not now.starts_at_boot:
        actions.append(Run(("systemctl", "enable", UNIT), undo=("systemctl", "disable", UNIT)))
    if system.parse(facts).is_dom0 and now.active != "active":
        why = "Xen runs: from now on the guests end first"
        actions.append(Run(("systemctl", "start", UNIT), why, undo=("systemctl", "stop", UNIT)))
    return Plan(tuple(actions))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The unit is there and starts with the host; and every guest ended by itself the last time."""
    now = services.parse(facts, UNIT)[UNIT]
    do = "run the step end_guests_cleanly in mode apply"
    found = []
    if not now.starts_at_boot:
        why = "a guest without Xen's drivers would be cut off when the host goes down"
        found.append(
            Finding("fail", "xen-guests-end.service does not start at boot", why, do, "xl(1), shutdown")
        )
    elif system.parse(facts).is_dom0 and now.active != "active":
        why = f"systemd says '{now.active}': what does not run is not stopped, so the guests would be cut off"
        found.append(
            Finding("fail", "xen-guests-end.service does not run", why, do, "systemd.service(5), ExecStop=")
        )
    return [*found, *(_cut_off(end) for end in ending.last_ends(facts) if end.how == "cut")]


def unit() -> str:
    """Return the unit, whose only work is its end: it is stopped before all that the guests need."""
    return f"""\
[Unit]
Description=Xen's guests end cleanly before the host goes down
ConditionPathExists=/proc/xen/capabilities
After=xen.service xenstored.service xenconsoled.service xendomains.service xen-guests.service
After=network.target network-online.target remote-fs.target drbd.service openvswitch-switch.service libvirtd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop={ending.PROGRAM} --host
TimeoutStopSec={STOP_S}

[Install]
WantedBy=multi-user.target
"""


def sessions() -> str:
    """Return what keeps a person's session until the guests have ended: who starts a guest owns its device model.

    systemd ends sessions first, and QEMU with them, as soon as the host begins to go down.
    """
    return (
        f"[Unit]\n# A guest's device model is in the session in which `xl create` was typed.\nBefore={UNIT}\n"
    )


def _cut_off(end: ending.End) -> Finding:
    return Finding(
        "warn",
        f"A guest was cut off when the host went down at {end.at}: {end.what}",
        "it neither has Xen's drivers nor obeyed the power button of its ACPI in time",
        "let its system shut down on the power button (on Linux logind or acpid, in Windows the power options), or "
        "install Xen's drivers in it; XENDOMAINS_STOP_MAXWAIT in /etc/default/xendomains gives it more time",
        "xl(1), shutdown",
    )
