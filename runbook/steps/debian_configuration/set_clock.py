"""The time zone, and one service that keeps the clock; in dom0 it is the guests' clock too."""

from __future__ import annotations

from runbook.actions import Action, Run
from runbook.facts import clock, services
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import own_units, wanted_packages

TITLE = "Set the time zone and keep the clock right"
GUIDE = "The template: linked /etc/localtime and installed ntp, which Debian 13 no longer has (H303)"
RISK = "safe"

_UNITS = {"timesyncd": clock.TIMESYNCD, "chrony": clock.CHRONY}


def asks(params: HostParams) -> tuple[Ask, ...]:
    return clock.commands(params.configuration.clock.zone)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Set the zone when it differs, and start the clock's keeper when it does not run."""
    asked, now = params.configuration.clock, clock.parse(facts, params.configuration.clock.zone)
    if not asked.zone and asked.synchronise not in _UNITS:
        return Plan(unasked="configuration.clock is as it comes: no zone, and synchronise is keep")
    actions, findings = list[Action](), list[Finding]()
    if asked.zone and not now.is_known:
        findings.append(_no_zone(asked.zone))
    elif asked.zone and asked.zone != now.zone:
        actions.append(
            Run(("timedatectl", "set-timezone", asked.zone), undo=("timedatectl", "set-timezone", now.zone))
        )
    if name := _UNITS.get(asked.synchronise):
        unit = services.parse(facts, *clock.UNITS)[name]
        if not unit.exists:
            findings.append(wanted_packages.not_installed(name.removesuffix(".service"), step="this step"))
        findings += own_units.masked([unit], "else set configuration.clock.synchronise: keep")
        if not (unit.active == "active" and unit.starts_at_boot):
            actions.append(
                Run(("systemctl", "enable", "--now", name), undo=wanted_packages.switched_off(unit))
            )
    return Plan(tuple(actions), tuple(findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The zone is as asked, and exactly one service keeps the clock."""
    asked, now = params.configuration.clock, clock.parse(facts, params.configuration.clock.zone)
    found = []
    if asked.zone and asked.zone != now.zone:
        found.append(_fail(f"The time zone is {now.zone}, not {asked.zone}", "/etc/localtime leads there"))
    if name := _UNITS.get(asked.synchronise):
        if name not in now.keepers:
            found.append(_fail(f"{name} does not run", "nothing keeps the clock right"))
        if others := [keeper for keeper in now.keepers if keeper != name]:
            found.append(
                Finding(
                    "warn",
                    f"{', '.join(others)} also keeps the clock",
                    "two services push it to and fro",
                    f"run `systemctl disable --now {others[0]}` on the host",
                    "chronyd(8)",
                )
            )
        if name == clock.TIMESYNCD and name in now.keepers and not now.is_synchronised:
            found.append(
                Finding(
                    "info",
                    "No time server has answered yet",
                    "it was started a moment ago, or UDP port 123 does not get out",
                    "look at `timedatectl timesync-status` on the host in some minutes",
                    "systemd-timesyncd.service(8)",
                )
            )
    return found


def _no_zone(zone: str) -> Finding:
    return Finding(
        "refuse",
        f"The host knows no time zone {zone}",
        f"there is no /usr/share/zoneinfo/{zone}",
        "write it as `timedatectl list-timezones` shows it; old names are in the package tzdata-legacy",
        "timedatectl(1)",
    )


def _fail(what: str, why: str) -> Finding:
    return Finding("fail", what, why, "run the step set_clock in mode apply", "timedatectl(1)")
