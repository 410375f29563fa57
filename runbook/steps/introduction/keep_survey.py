"""Keep on the host what Xen will make invisible: processor flags, IOMMU groups, ways to reset."""

from __future__ import annotations

from runbook import survey
from runbook.actions import WriteFile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.survey import kept
from runbook.survey.machine import kept_text

TITLE = "Keep the survey on the host, for when Xen runs"
GUIDE = "Nothing like it: the guide has no survey"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions of the survey."""
    return survey.asks()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return the file to write while plain Debian runs; under Xen nothing, as nothing can be learned."""
    machine = survey.read(facts)
    if machine.system.is_dom0:
        return Plan(findings=() if machine.kept else (_unknown(),))
    content = kept.text(machine.cpu, machine.firmware, machine.devices)
    if kept_text(facts) == content:
        return Plan()
    return Plan((WriteFile(kept.PATH, content),))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding when the survey should have been kept and was not."""
    if not plan(params, facts).actions:
        return []
    finding = Finding(
        "fail",
        f"{kept.PATH} is not the survey of this machine as it is",
        "the file is missing, or the machine has changed since it was written",
        "run this notebook in mode apply, before Xen is started",
    )
    return [finding]


def _unknown() -> Finding:
    return Finding(
        "warn",
        "No survey from before Xen is kept on this host",
        f"there is no {kept.PATH}; under Xen Linux shows no IOMMU groups, so which devices cannot be told "
        "apart is only guessed",
        "start plain Debian once (it is in the boot menu) and run this notebook in mode apply",
    )
