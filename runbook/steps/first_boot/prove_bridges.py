"""Proof that the bridges came up with the boot."""

from __future__ import annotations

from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import bridges, writers

TITLE = "Prove that the bridges came up"
GUIDE = "“Xen Configuration”: nothing; a missing bridge showed when a guest failed to start (H650)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*bridges.COMMANDS, *writers.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Change nothing."""
    return Plan()


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The same that held before the boot still holds."""
    return bridges.wrong(params, facts, writers.holds(params, facts))
