"""Proof that the bridges came up with the boot."""

from __future__ import annotations

from runbook.ask import Ask, Facts
from runbook.params import HostParams
from runbook.plan import Finding, Plan
from runbook.steps.xen_configuration import configure_bridges

TITLE = "Prove that the bridges came up"
GUIDE = "“Xen Configuration”: nothing; a missing bridge showed when a guest failed to start (H650)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return configure_bridges.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Change nothing."""
    return Plan()


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The same that held before the boot still holds."""
    return configure_bridges.check(params, facts)
