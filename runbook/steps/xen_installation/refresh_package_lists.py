"""Package lists: without them apt knows no package, with old ones it asks for versions that are gone."""

from __future__ import annotations

from runbook.actions import Run
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt

TITLE = "Fetch Debian's package lists"
GUIDE = "“Wheezy Configuration”: it ran aptitude over a long list in which one missing name stops all (H303)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return apt.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Fetch the lists when something has to be installed and they are missing or older than a day."""
    now = apt.read(params, facts)
    if not now.missing(apt.wanted(params)):
        return Plan(note="Everything is installed: no lists are needed.")
    if now.has_fresh_lists:
        return Plan(note="The lists were fetched within a day.", findings=tuple(apt.obstacles(now)))
    why = "they are older than a day" if now.lists else "this host has none yet"
    return Plan((Run(apt.UPDATE, why, timeout_s=900),), tuple(apt.obstacles(now)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The lists are there, unless nothing is left to install."""
    now = apt.read(params, facts)
    if now.lists or not now.missing(apt.wanted(params)):
        return []
    return [
        Finding(
            "fail",
            "apt has no package lists",
            "`apt-get update` ended without fetching any: there is no source, or it cannot be reached",
            "look at /etc/apt/sources.list and /etc/apt/sources.list.d, then run `apt-get update` by hand",
            "sources.list(5)",
        )
    ]
