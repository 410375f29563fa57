"""The guide's groups of packages with the names of today, and what the steps below configure."""

from __future__ import annotations

from runbook.actions import InstallPackages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import wanted_packages

TITLE = "Install the packages of the chosen groups"
GUIDE = "“Wheezy Configuration” and the template: some ninety names, of which today twenty do not exist (H303, H304)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return wanted_packages.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Install what is missing, in one go, and nothing that is only recommended."""
    missing, delta, size = wanted_packages.missing(params, facts)
    if not missing:
        return Plan(unasked="" if wanted_packages.wanted(params) else "configuration names no packages")
    note = f"{-(-size // 2**20)} MiB to download." if size else ""
    return Plan((InstallPackages(missing, delta),), tuple(wanted_packages.stops(params, facts)), note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every package is whole."""
    why = wanted_packages.wanted(params)
    return [
        Finding(
            "fail",
            f"The package {name} is not installed",
            f"it is asked for by {why.get(name, 'the group firmware')}",
            "run the step install_packages in mode apply, and read what apt said",
            "dpkg-query(1)",
        )
        for name in wanted_packages.missing(params, facts)[0]
    ]
