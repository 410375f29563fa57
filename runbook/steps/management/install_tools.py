"""The programs that read, mount and copy a guest's disk; a minimal Debian lacks them."""

from __future__ import annotations

from runbook import releases
from runbook.actions import Action, InstallPackages, Run
from runbook.facts import packages, space
from runbook.facts.packages import Packages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import apt, room

TITLE = "Install the tools for guests' disks"
GUIDE = "“Managerial Activities”: parted, dd and gzip were taken for granted, and fdisk is misspelt (H801)"
RISK: Risk = "safe"


def wanted(params: HostParams) -> tuple[str, ...]:
    """Return the packages that this chapter guest_volumes."""
    return releases.get(params.release).management_packages


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about these packages, about apt, and about the room for them."""
    return (*packages.commands(wanted(params)), *space.commands(packages.DOWNLOADS, "/usr"))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Fetch the package lists if they are old, then install what is missing."""
    now = packages.parse(facts, wanted(params))
    missing = now.missing(wanted(params))
    if not missing:
        return Plan()
    actions: list[Action] = []
    if not now.has_fresh_lists:
        actions.append(Run(apt.UPDATE, "the package lists are missing or older than a day", timeout_s=900))
    actions.append(InstallPackages(missing, now.delta))
    mib = -(-now.download_bytes // space.MIB)
    note = f"{mib} MiB to download." if mib else ""
    stops = (*apt.before_installing(now), *_unknown(now), *room.for_packages(facts, now.download_bytes))
    return Plan(tuple(actions), stops, note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each package that is not there."""
    return [
        Finding(
            "fail",
            f"The package {name} is not installed",
            "the steps of this chapter cannot work without it",
            "run this step in mode apply, and read what apt said",
        )
        for name in packages.parse(facts, wanted(params)).missing(wanted(params))
    ]


def _unknown(now: Packages) -> list[Finding]:
    """Return a finding when lists that are fresh lack a package; older ones are fetched again first."""
    if not (now.has_fresh_lists and now.unknown):
        return []
    return [
        Finding(
            "refuse",
            f"apt finds no package {', '.join(now.unknown)}",
            "the sources of this host do not offer it: another release, or a missing component",
            "look at /etc/apt/sources.list.d (main of this release is enough), run `apt-get update`, "
            "then run again",
            "sources.list(5)",
        )
    ]
