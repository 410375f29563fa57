"""Xen, its tools and the device model from Debian's packages, with plain Debian still started first."""

from __future__ import annotations

from runbook.actions import Action, InstallPackages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, xen_present

TITLE = "Install Xen, its tools and the device model"
GUIDE = (
    "“Compiling and Installing Xen”: it built Xen 4.2 from source (H501–H512); Debian's packages "
    "carry all of it now"
)
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return () if apt.supply(params).is_built else (*apt.asks(params), *xen_present.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Keep plain Debian the default, then install what is missing.

    The order matters: the packages regenerate the boot menu, and without the file they would make
    Xen, still without its configuration, the entry that the next power failure starts.
    """
    if apt.supply(params).is_built:
        return Plan(note="Xen comes from the steps above.", unasked=f"xen.source is {params.xen.source}")
    now = apt.read(params, facts)
    missing = now.missing(apt.wanted(params))
    actions: list[Action] = [*xen_present.keep_default(facts)]
    if missing:
        actions.append(InstallPackages(missing, now.delta))
    findings = xen_present.beside(params, facts, now)
    if missing:
        stops = (*apt.before_installing(now), *xen_present.boot_loader(facts), *apt.archive(now))
        findings = [*stops, *apt.lacking_room(facts, now.download_bytes), *findings]
    mib = -(-now.download_bytes // 2**20)
    return Plan(tuple(actions), tuple(findings), f"{mib} MiB to download." if missing and mib else "")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every package is whole, and the two files that a start needs are there."""
    if apt.supply(params).is_built:
        return []
    now = apt.read(params, facts)
    found = [*xen_present.missing(params, now), *xen_present.boot_files(params, facts)]
    return [*found, *xen_present.microcode(now, facts)]
