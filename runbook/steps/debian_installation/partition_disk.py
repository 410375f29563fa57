"""The disk's partition table: the step that makes everything else on the disk unreachable."""

from __future__ import annotations

from runbook.actions import WritePartitionTable
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import disk_dangers, target
from runbook.steps.shared.target import Situation

TITLE = "Partition the disk"
GUIDE = "“Wheezy Installation”: gpt, and “three partitions”, of which it lists four (H201, H203)"
RISK = "destructive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return target.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the table unless it is there; the note says what is on the disk now."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    found = disk_dangers.refusals(params, here)
    if here.disk is None or found:
        return Plan(findings=found)
    if here.is_partitioned:
        return Plan(note=f"{here.path} has these partitions already; what is on them is kept.")
    lost = disk_dangers.losses(here)
    action = WritePartitionTable(params.installation.disk, identity(here), script(here), lost)
    now = "; ".join(lost) or "nothing: no partition table, no file system"
    stops = (*disk_dangers.in_use(here), *disk_dangers.clashes(here))
    return Plan((action,), (*stops, *_loss(here, lost)), f"On {here.path} now: {now}.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The table on the disk is the one that was asked for."""
    here = target.read(params, facts)
    if target.needless(params, here) or here.is_partitioned:
        return []
    return [
        Finding(
            "fail",
            f"{here.path} has not the partitions of the parameters",
            do="run the step partition_disk in mode apply",
            source="sfdisk(8)",
        )
    ]


def identity(here: Situation) -> str:
    """Return which disk it is, in words that do not change with the order in which disks are found."""
    disk = here.disk
    assert disk
    serial = f"serial {disk.serial}" if disk.serial else "without a serial number"
    return f"{disk.model or 'a disk without a name'}, {serial}, {disk.size_bytes} bytes"


def script(here: Situation) -> str:
    """Return the table as sfdisk(8) reads it; every partition begins on a whole MiB."""
    lines = [
        f'start={start}MiB, size={size}MiB, type={p.type}, name="{p.name}"'
        for p, (start, size) in zip(here.layout.partitions, here.entries(), strict=True)
    ]
    return "\n".join(["label: gpt", *lines]) + "\n"


def _loss(here: Situation, lost: tuple[str, ...]) -> tuple[Finding, ...]:
    found = []
    if lost:
        found.append(
            Finding(
                "warn",
                f"Everything on {here.path} will be lost",
                f"{len(lost)} things are on it; the plan lists them, and its digest covers them",
                "read the list; save what you need before you agree",
            )
        )
    if here.disk and here.disk.transport == "usb":
        found.append(
            Finding(
                "warn",
                f"{here.path} is a USB disk",
                "perhaps it is a stick that somebody forgot",
                "see with `lsblk -o NAME,MODEL,SERIAL,TRAN` that it is the one you mean",
            )
        )
    return tuple(found)
