"""Xen's services at boot, and a watchdog: the hypervisor restarts the machine when dom0 hangs."""

from __future__ import annotations

import re

from runbook import releases
from runbook.actions import Action, Run, WriteFile
from runbook.facts import files, services, system
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.releases import xen
from runbook.steps.shared import own_units
from runbook.steps.shared.own_units import RELOAD

TITLE = "Start Xen's services and its watchdog with the host"
GUIDE = (
    "“Xen Configuration”: update-rc.d for three init scripts, two of which Debian does not have, and "
    "renamed links (H630–H632)"
)
RISK = "safe"

UNIT = services.XEN_WATCHDOG
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
_COMPLETION = "/usr/share/bash-completion/completions/xl"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (
        *system.COMMANDS,
        *services.commands(*_units(params)),
        Ask.read(UNIT_FILE),
        *files.commands(_COMPLETION),
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Enable what the packages brought; write, or take away, the watchdog's unit."""
    packaged = _supply(params).services
    units = services.parse(facts, *_units(params))
    waits = () if all(units[name].exists for name in packaged) else (_not_installed(params),)
    # Debian's packages enable their services themselves; a package of our own does not.
    due = () if waits and not _supply(params).is_built else packaged
    actions: list[Action] = [
        Run(("systemctl", "enable", name), undo=("systemctl", "disable", name))
        for name in due
        if not units[name].starts_at_boot
    ]
    if params.services.watchdog:
        actions += _watch(params, facts, units)
    else:
        actions += own_units.away(facts, UNIT, UNIT_FILE, unit(params.services.watchdog_timeout_s))
    masked = own_units.masked((units[name] for name in due), "Xen's guests need it")
    # Before Xen's first boot nobody has decided anything, and nothing enables what a package of our own brings.
    decided = due if system.parse(facts).is_dom0 and not _supply(params).is_built else ()
    off = own_units.switched_off(units[name] for name in decided)
    return Plan(tuple(actions), (*waits, *masked, *off, *_lost(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Everything starts at the next boot; the watchdog does so under Xen only."""
    packaged = _supply(params).services
    units = services.parse(facts, *_units(params))
    if not all(units[name].exists for name in packaged):
        return [_not_installed(params)]
    watchdog = params.services.watchdog
    found = [
        Finding(
            "fail",
            f"{name} does not start at boot",
            f"systemd says '{units[name].enabled or 'not found'}'",
            "run the step enable_services in mode apply",
        )
        for name in (*packaged, *((UNIT,) if watchdog else ()))
        if not units[name].starts_at_boot
    ]
    if not watchdog and own_units.is_ours(facts.text(UNIT_FILE) or "", unit(0)):
        found.append(
            Finding("fail", f"{UNIT} is still there", do="run the step enable_services in mode apply")
        )
    if watchdog and units["watchdog.service"].starts_at_boot:
        found.append(
            Finding(
                "warn",
                "The package watchdog also watches this host",
                "two watchdogs restart the machine for each other's reasons",
                "run `systemctl disable --now watchdog`",
            )
        )
    if _COMPLETION not in files.parse(facts, _COMPLETION):
        found.append(
            Finding(
                "info", "bash does not complete xl's commands", do="reinstall xen-utils-common", source="H640"
            )
        )
    return found


def unit(timeout_s: int) -> str:
    """Return the watchdog's unit.

    xenwatchdogd(8) goes to the background by itself and gives a sign of life every half of the
    time. USR1 makes it switch the watchdog off when it ends; any other signal would leave the
    machine a few minutes to its restart. Without Xen the condition fails and nothing runs.
    """
    return f"""\
[Unit]
Description=Restart the machine when dom0 hangs (Xen's watchdog)
After=xen.service
ConditionPathExists=/proc/xen/capabilities

[Service]
Type=forking
ExecStart=/usr/sbin/xenwatchdogd {timeout_s} {timeout_s // 2}
KillSignal=USR1

[Install]
WantedBy=multi-user.target
"""


def _watch(params: HostParams, facts: Facts, units: dict[str, services.Unit]) -> list[Action]:
    """Return what is missing; under Xen the watchdog is started at once, else at Xen's first boot."""
    content = unit(params.services.watchdog_timeout_s)
    actions: list[Action] = []
    changed = facts.text(UNIT_FILE) != content and not _is_as_asked(params, facts)
    if changed:
        actions.append(WriteFile(UNIT_FILE, content))
    if changed or units[UNIT].is_outdated or not units[UNIT].exists:
        actions.append(RELOAD)
    if not units[UNIT].starts_at_boot:
        actions.append(Run(("systemctl", "enable", UNIT), undo=("systemctl", "disable", UNIT)))
    runs = units[UNIT].active == "active"
    if system.parse(facts).is_dom0 and (changed or not runs):
        stop = () if runs else ("systemctl", "stop", UNIT)
        actions.append(Run(("systemctl", "restart", UNIT), "Xen runs: the watch begins now", undo=stop))
    return actions


def _is_as_asked(params: HostParams, facts: Facts) -> bool:
    """Return whether a unit by hand starts the watchdog with the time of the parameters."""
    text = facts.text(UNIT_FILE) or ""
    is_by_hand = not own_units.is_ours(text, unit(0))
    return (
        is_by_hand
        and re.search(rf"(?m)^ExecStart=.*/xenwatchdogd {params.services.watchdog_timeout_s}\b", text)
        is not None
    )


def _lost(params: HostParams, facts: Facts) -> list[Finding]:
    text = facts.text(UNIT_FILE) or ""
    is_kept = not params.services.watchdog or _is_as_asked(params, facts)
    if not text or is_kept or own_units.is_ours(text, unit(0)):
        return []
    return [
        Finding(
            "loss",
            f"{UNIT_FILE} was written by hand, and would be replaced",
            f"it does not start xenwatchdogd with {params.services.watchdog_timeout_s} s, as services.watchdog_timeout_s asks",
            "set services.watchdog_timeout_s to the time in that file, which leaves it, or `services.watchdog: false`; or agree "
            "to this very plan",
            "xenwatchdogd(8)",
        )
    ]


def _supply(params: HostParams) -> xen.Supply:
    return xen.supply(params.xen.source, releases.get(params.release))


def _units(params: HostParams) -> tuple[str, ...]:
    """Return the units asked about: what Xen's packages brought, our watchdog, and Debian's own one."""
    return (*_supply(params).services, UNIT, "watchdog.service")


def _not_installed(params: HostParams) -> Finding:
    supply = _supply(params)
    first, last = ", ".join(supply.services[:-1]), supply.services[-1]
    return Finding(
        "wait",
        "Xen's services are not there yet",
        f"the package {supply.provider} brings {first} and {last}",
        "run the notebook 05_xen_installation first",
        after=supply.step,
    )
