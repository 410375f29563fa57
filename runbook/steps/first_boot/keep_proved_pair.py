"""What was proved is kept: hypervisor, kernel and initial RAM disk, with an entry of the menu that starts exactly these."""

from __future__ import annotations

from runbook.facts import proved_pair
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.first_boot import make_xen_default
from runbook.steps.shared import kept_pair

TITLE = "Keep the pair that was proved"
GUIDE = "Not in the guide: each new Xen overwrote the one that worked (H601, H618)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*make_xen_default.asks(params), *kept_pair.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Give what runs, and was proved, a second name and an entry; nothing where that is so, or cannot be."""
    failed = make_xen_default.failed(params, facts)
    if failed:
        note = f"What runs then, and was proved, gets second names in {proved_pair.FOLDER}, and an entry of the boot menu."
        return Plan((), tuple(failed), note=note)
    return Plan(
        kept_pair.actions(facts), note="It takes no room on the disk until an update replaces the first."
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """What runs is kept; where it cannot be, why."""
    if why := kept_pair.unkept(facts):
        return [Finding("warn", "The pair that runs cannot be kept", why, kept_pair.what_next(facts), "H618")]
    if not kept_pair.actions(facts):
        return []
    do = "run 07_first_boot in mode apply: it proves what runs, and keeps it"
    return [Finding("fail", "The pair that runs is not kept as it runs", kept_pair.other(facts), do, "H618")]
