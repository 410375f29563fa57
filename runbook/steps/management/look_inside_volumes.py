"""What each guest's volume holds, read from its own partition table. Changes nothing, ever."""

from __future__ import annotations

from runbook.facts import storage
from runbook.facts.storage import hurt, inside, kinds
from runbook.facts.storage.tables import Content, Partition, Table
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
            found += of_volume(guest.name, table)
    return found


def untrusted(table: Table) -> list[Finding]:
    """Return why a table cannot be trusted, as a warning; a mount from it is refused."""
    return [Finding("warn", *mount_refusals.untrusted(table), "sfdisk(8)")] if table.problems else []


def of_volume(guest: str, table: Table) -> list[Finding]:
    """Return what is said of one guest's volume: a table not to trust, a remark, and contents that look like a fault."""
    found = untrusted(table)
    # Where the table cannot be read, what sfdisk remarks on it is the same fault in other words.
    found += [_remark(guest, table)] if table.remarks and not table.problems else []
    for part in table.partitions:
        found += _held(f"Partition {part.number} of '{guest}'", table.label, part, part.content)
    return found + _held(f"The volume of '{guest}'", table.label, None, table.content)


def _remark(guest: str, table: Table) -> Finding:
    """Return sfdisk's own remark: harmless after a volume has grown, else a volume cut short or a damaged copy."""
    sizes = hurt.announced(table.remarks)
    what = f"sfdisk remarks on {table.path}: {table.remarks[0]}"
    if sizes and sizes[0] > sizes[1]:
        fault = hurt.too_small(table.path, sizes[1], sizes[0])
        return Finding("warn", what, f"{fault.why}; every partition ends inside it", fault.do, "sfdisk(8)")
    if sizes or any("end of the device" in line for line in table.remarks):
        why = "the volume has grown: the second copy of its table is no longer at its end"
        mends = f"the guest '{guest}' mends it with its own tools (`sgdisk -e`, or Windows by itself); nothing is done here"
        return Finding("info", what, why, mends, "sfdisk(8)")
    return Finding(
        "warn",
        what,
        "a GPT is kept twice; one copy is damaged, and the other was read",
        f"{hurt.FIRST}; then the guest '{guest}' makes the damaged copy anew from the other with its own tools "
        "(`gdisk`, which asks before it writes)",
        "sfdisk(8)",
    )


def _held(name: str, label: str, part: Partition | None, content: Content) -> list[Finding]:
    """Return an explanation of contents that look like a fault to whoever has not met them."""
    is_plain = content.fstype in ("", "swap", *mount_refusals.FILE_SYSTEMS)
    is_divided = part is not None and bool(part.slots or kinds.find(label, part.type).is_dynamic)
    if (is_plain and not is_divided) or (part and part.is_extended):
        return []
    kind = kinds.find(label, part.type).name if part else ""
    return [
        Finding(
            "info",
            f"{name} holds {content.fstype or f'a {kind}'}: it is listed, not mounted",
            mount_refusals.nature(label, part, content),
            "read it from inside the guest",
            "lvm.conf(5), scan_lvs" if content.fstype == "LVM2_member" else "blkid(8)",
        )
    ]
