"""Package lists: without them apt knows no package, with old ones it asks for versions that are gone."""

from __future__ import annotations

from runbook.actions import Run
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import wanted_packages
from runbook.steps.shared.apt import UPDATE, obstacles

TITLE = "Fetch Debian's package lists"
GUIDE = "The template: netselect-apt rewrote the sources every night (H308)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return wanted_packages.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Fetch the lists when something has to be installed and they are missing or older than a day."""
    now, (missing, _, _) = wanted_packages.read(params, facts), wanted_packages.missing(params, facts)
    if not missing:
        if not wanted_packages.wanted(params):
            return Plan(unasked="configuration names no packages")
        return Plan(note="Everything is installed: no lists are needed.")
    if now.has_fresh_lists:
        return Plan(note="The lists were fetched within a day.", findings=tuple(obstacles(now)))
    why = "they are older than a day" if now.lists else "this host has none yet"
    return Plan((Run(UPDATE, why, timeout_s=900),), tuple(obstacles(now)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The lists are there, unless nothing is left to install."""
    if wanted_packages.read(params, facts).lists or not wanted_packages.missing(params, facts)[0]:
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
