"""The disks of a machine by names that stay with them, and the volume group for the guests."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.facts.disks import gib
from runbook.model.ask import Ask, Facts
from runbook.params.names import group_name
from runbook.survey.machine import Machine

BY_ID = Ask.shell("find /dev/disk/by-id -type l -printf '%f %l\\n' 2>/dev/null; true")
# Names that tell a person which disk it is come first, mere numbers last; what stands on a disk is none.
_RANK = ("nvme-", "ata-", "scsi-", "mmc-", "usb-", "virtio-", "wwn-")
_NO_DISK = "lvm-pv-uuid-"


@dataclass(frozen=True)
class Disk:
    """One whole disk."""

    name: str
    size: str
    """For people, such as `11.5 GiB`."""
    by_id: str
    """Its name under /dev/disk/by-id, with the path; '' when it has none or nobody was asked."""
    use: str
    """What lies on it."""


def disks(machine: Machine, facts: Facts) -> tuple[Disk, ...]:
    """Return the disks that hang on a PCI device, in the order of lsblk."""
    names = by_id(facts[BY_ID].out) if BY_ID in facts else {}
    storage = machine.storage
    found = []
    for block in storage.blocks:
        if block.kind == "disk" and block.controllers and block.size_bytes:
            on = [b for b in storage.blocks if b == block or block.name in b.under]
            mounts = sorted({m for b in on for m in b.mountpoints})
            mine = {b.name for b in on}
            groups = [
                f"volume group {g.name}"
                for g in storage.groups
                if any(pv.removeprefix("/dev/") in mine for pv in g.physical_volumes)
            ]
            use = ", ".join((*mounts, *groups)) or ("something not in use" if len(on) > 1 else "nothing")
            found.append(Disk(block.name, gib(block.size_bytes), names.get(block.name, ""), use))
    return tuple(found)


def by_id(text: str) -> dict[str, str]:
    """Return the best name of each whole disk, from `NAME LINK` lines.

    >>> by_id("wwn-0x5000 ../../sda\\nata-WDC_WD40-1 ../../sda\\nata-WDC_WD40-1-part1 ../../sda1\\n")
    {'sda': '/dev/disk/by-id/ata-WDC_WD40-1'}
    """
    found: dict[str, list[str]] = {}
    for name, _, link in (line.partition(" ") for line in text.splitlines()):
        if link and not re.search(r"-part\d+$", name) and not name.startswith(_NO_DISK):
            found.setdefault(link.rpartition("/")[2], []).append(name)
    return {disk: f"/dev/disk/by-id/{min(names, key=_order)}" for disk, names in found.items()}


def _order(name: str) -> tuple[bool, int, int, str]:
    rank = next((i for i, start in enumerate(_RANK) if name.startswith(start)), len(_RANK))
    return (name.startswith(("nvme-eui.", "nvme-uuid.", "nvme-nvme.")), rank, len(name), name)


def _is_name(text: str) -> bool:
    """Return whether LVM allows a volume group of that name: what a machine says may be anything."""
    try:
        return bool(group_name(text))
    except ValueError:
        return False


def guest_group(machine: Machine) -> tuple[str, str]:
    """Return the volume group for the guests' disks, and why that one."""
    free = [
        g for g in machine.storage.groups if not machine.storage.is_group_mounted(g.name) and _is_name(g.name)
    ]
    named = [g for g in free if g.name == "guests"]
    best = max(named or free, key=lambda g: g.free_bytes, default=None)
    if best is None:
        return "guests", "there is none yet that the host does not use itself: make it with vgcreate(8)"
    return best.name, f"it is there, with {gib(best.free_bytes)} of {gib(best.size_bytes)} free"
