"""What each guest's volume holds, read from its own partition table. Changes nothing, ever."""

from __future__ import annotations

from runbook.facts import storage
from runbook.facts.storage import inside
from runbook.facts.storage.tables import Content, Table
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_volumes, mount_refusals

TITLE = "Look inside the guests' volumes"
GUIDE = (
    "“Drive Partitioning” and “Using mount With LVM Virtual Partitions”: parted's table for humans, and "
    "“the second row” of it (H802, H804, H806)"
)
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about every guest's volume, and on which disks they lie."""
    return guest_volumes.asks(params, *(v.name for _, v in guest_volumes.owned(params)))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action: looking is all. The findings are what was seen that a person should know."""
    if not params.guests:
        return Plan(unasked="guests is empty")
    findings = check(params, facts)
    return Plan((), tuple(findings), 'This step only reads; `book.show("volumes")` draws what it read.')


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what cannot be read, what cannot be trusted, and what needs an explanation."""
    there = storage.parse(facts)
    if stops := guest_volumes.answers(there):
        return stops
    found: list[Finding] = []
    for guest, wanted in guest_volumes.owned(params):
        table = inside.parse(facts, guest_volumes.path_of(params, wanted.name))
        volume = guest_volumes.volume_of(params, there, wanted.name)
        if volume is None or not table.exists:
            found.append(guest_volumes.absent(params, wanted.name))
        elif table.is_unread:
            return [mount_refusals.without_tools()]
        else:
            found += _of(guest.name, table)
    return found


def untrusted(table: Table) -> list[Finding]:
    """Return why a table cannot be trusted, as a warning; a mount from it is refused."""
    return [
        Finding(
            "warn",
            f"The partition table in {table.path} cannot be trusted",
            "; ".join(table.problems),
            "let the guest repair it with its own tools (on Linux `sfdisk --verify`); nothing is mounted from it",
            "sfdisk(8)",
        )
    ] if table.problems else []  # fmt: skip


def _of(guest: str, table: Table) -> list[Finding]:
    found = untrusted(table)
    found += [_remark(guest, table)] if table.remarks else []
    parts = [(f"Partition {p.number} of '{guest}'", p.content) for p in table.partitions]
    found += [
        f for name, held in [*parts, (f"The volume of '{guest}'", table.content)] for f in _held(name, held)
    ]
    return found


def _remark(guest: str, table: Table) -> Finding:
    """Return sfdisk's own remark: harmless after a volume has grown, else a damaged copy of the table."""
    has_grown = any("size mismatch" in line or "end of the device" in line for line in table.remarks)
    why = (
        "the volume has grown: the second copy of its table is no longer at its end"
        if has_grown
        else "a GPT is kept twice; one copy is damaged, and the other was read"
    )
    return Finding(
        "info" if has_grown else "warn",
        f"sfdisk remarks on {table.path}: {table.remarks[0]}",
        why,
        f"the guest '{guest}' mends it with its own tools (`sgdisk -e`, or Windows by itself); nothing is done here",
        "sfdisk(8)",
    )


def _held(name: str, content: Content) -> list[Finding]:
    """Return an explanation of contents that look like a fault to whoever has not met them."""
    if content.fstype not in ("LVM2_member", "crypto_LUKS", "BitLocker", "linux_raid_member"):
        return []
    return [
        Finding(
            "info",
            f"{name} holds {content.fstype}: it is listed, not mounted",
            mount_refusals.UNMOUNTABLE[content.fstype],
            "read it from inside the guest",
            "lvm.conf(5), scan_lvs",
        )
    ]
