"""Settings that no running system can read: a checklist that a person confirms."""

from __future__ import annotations

from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.uefi import verify_settings
from runbook.survey.settings import unseen

TITLE = "Confirm the settings that only eyes can check"
GUIDE = "UEFI Configuration: Legacy USB 3.0 off, with the story of a backup drive that kept it from booting"
RISK: Risk = "safe"

_WHY = {
    "usb-legacy": "with it on, the firmware may try to start from a USB disk that happens to be plugged in",
    "above-4g": "a card with much memory of its own may not be usable in a guest without it",
    "resizable-bar": "some cards fail in a guest when their memory window was enlarged",
    "power-loss": "a host that routes the network should come back by itself",
    "primary-display": "the primary display should stay with the host",
    "interrupt-remapping": "a guest with a device could otherwise send false interrupts to the host",
}


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the same questions as the verification: what it could not see is asked of the person."""
    return verify_settings.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action, and for each setting that nobody has seen the line that confirms it."""
    findings = tuple(
        Finding(
            "warn",
            f"Nobody has confirmed the setting '{s.title}'; it should be: {s.wanted}",
            _WHY[s.name],
            f"look at {s.place}; then add to the parameters, under firmware.confirmed: "
            f'{{setting: {s.name}, value: "what you saw", on: "the day"}}',
        )
        for s in unseen(verify_settings.read(params, facts))
    )
    return Plan(findings=findings)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return the open points again: the report keeps them until they are confirmed."""
    return list(plan(params, facts).findings)
