"""Remove the runbook's snapshots that are no longer listed: the frozen view goes, the guest's disk stays."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import storage
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_volumes, snapshots

TITLE = "Remove snapshots that are no longer wanted"
GUIDE = "the guide had no snapshots"
RISK: Risk = "destructive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions which snapshots there are and who uses them."""
    return storage.WITH_GUESTS


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one `lvremove` for each snapshot of the runbook's that is not listed."""
    there = storage.parse(facts)
    old = snapshots.unlisted(params, there)
    busy = [
        Finding(
            "refuse",
            f"{volume.full_name} {use.what}",
            "a snapshot in use cannot be removed",
            f"unmount it (`umount {use.who}`)" if use.kind == "mount" else "let go of it first",
            "lvremove(8)",
        )
        for volume in old
        for use in volume.uses
    ]
    actions = tuple(
        Run(
            ("lvremove", "--yes", volume.full_name),
            f"the disk as it was when this snapshot of {volume.group}/{volume.origin} was taken is lost",
        )
        for volume in old
    )
    return Plan(actions, (*guest_volumes.answers(there), *busy))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each snapshot that should be gone."""
    return [
        Finding(
            "fail",
            f"The snapshot {volume.full_name} is still there and not listed",
            "each write of the guest is copied aside for it, and its room runs out",
            "run this step in mode apply, or list it under management.snapshots",
        )
        for volume in snapshots.unlisted(params, storage.parse(facts))
    ]
