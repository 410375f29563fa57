"""Refuse to hide a device that dom0 needs, that moved, or that cannot be told from another."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import survey
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_windows, takers, wanted_devices, xen_dangers

TITLE = "Survey the devices that the parameters give to guests"
GUIDE = "Introduction: avoid NF200; the addresses to hide were typed in without any check (H616, H617)"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions of the survey."""
    return wanted_devices.asks()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action; the findings say what must be changed in the parameters or the machine."""
    return Plan(findings=tuple(_findings(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what makes hiding the devices dangerous or impossible."""
    return [f for f in _findings(params, facts) if f.stops]


def _findings(params: HostParams, facts: Facts) -> Iterator[Finding]:
    machine = survey.read(facts, params.xen.options)
    yield from wanted_devices.on_machine(params, machine)
    yield from _taken(params, machine)
    yield from xen_dangers.phantoms(params, machine)
    yield from guest_windows.findings(params, machine)


def _taken(params: HostParams, machine: survey.Machine) -> list[Finding]:
    """Return which of the guests' devices another driver takes at the boot: 06 says it too, and that is hours later."""
    wanted = {device.bdf for device in params.passthrough.devices}
    return takers.holding((d.driver, d.bdf) for d in machine.devices if d.bdf in wanted)
