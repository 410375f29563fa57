"""The disks of a machine by names that stay with them, and the volume group for the guests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from runbook.facts.storage import Device, Group, Storage, Volume
from runbook.model.ask import Ask, Facts
from runbook.params.names import group_name, volume_name
from runbook.proposal.guests import Found
from runbook.survey import volume_groups
from runbook.survey.machine import Machine
from runbook.text.sizes import human_size

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
    controllers: tuple[str, ...] = ()
    """The PCI addresses that it hangs on."""


def disks(machine: Machine, facts: Facts) -> tuple[Disk, ...]:
    """Return the disks that hang on a PCI device, in the order of lsblk."""
    names = by_id(facts[BY_ID].out) if BY_ID in facts else {}
    found = (d for d in machine.storage.disks if d.controllers)
    return tuple(
        Disk(d.name, human_size(d.size_bytes), names.get(d.name, ""), _use(machine.storage, d), d.controllers)
        for d in found
    )


def _use(storage: Storage, disk: Device) -> str:
    """Return what lies on a disk: its own mounts, then what it is a part of and where that is mounted."""
    on = (disk, *storage.above(disk.path))
    mounts = sorted({place for d in on for place in d.mountpoints})
    parts = []
    for device in on:
        encrypted = (
            " (encrypted)" if any(d.kind == "crypt" for d in (device, *storage.below(device.path))) else ""
        )
        for use in (use for use in device.uses if use.is_part and use.kind != "crypt"):
            elsewhere = [place for place in storage.places(device.path) if place not in mounts]
            at = f" at {', '.join(elsewhere)}" if elsewhere else ""
            parts.append(f"{use.whole.removeprefix('the ')}{encrypted}{at}")
    maps = [f"the mapping {use.who}" for device in on for use in device.uses if use.kind == "holder"]
    said = ", ".join(dict.fromkeys((*mounts, *parts))) or ", ".join(dict.fromkeys(maps))
    if said or storage.is_free(disk.path):
        return said or "nothing"
    sleeping = dict.fromkeys(_SLEEPING.get(d.fstype, d.fstype) for d in on if d.fstype)
    return f"{', '.join(sleeping) or 'a partition table'}, not in use"


_SLEEPING = {"crypto_LUKS": "an encrypted container that is closed", "ntfs": "a file system of Windows"}


_LIVE = ("overlay", "overlayfs", "aufs", "squashfs", "erofs", "iso9660", "tmpfs", "ramfs", "rootfs")
"""What / is of on a system that was started from a medium and lies in memory."""


def about_root(storage: Storage) -> str:
    """Return in words whether there is an installed system, and what / lies on where no disk shows it."""
    is_there = "Debian is there already, and stays as it is"
    if any("/" in device.mountpoints for device in storage.devices):
        return is_there
    root = storage.mount("/")
    if root is None:
        return "nobody says where / lies; it stays as it is"
    if root.fstype in _LIVE:
        return f"/ is on no disk ({root.fstype}): this is a live system, and `live` installs from it"
    return f"{is_there}; / is {root.fstype}, {root.source}"


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


def _is_name(text: str, rule: Callable[[str], str] = group_name) -> bool:
    """Return whether LVM allows a volume group, or a volume, of that name: what a machine says may be anything."""
    try:
        return bool(rule(text))
    except ValueError:
        return False


def _pool(there: Storage, group: Group) -> Volume | None:
    """Return the thin pool with room in a group, None where there is none that a parameter file can name."""
    pool = volume_groups.pool_with_room(there, group)
    return pool if pool and _is_name(pool.name, volume_name) else None


def guest_group(machine: Machine, guests: tuple[Found, ...] = ()) -> tuple[str, str]:
    """Return the volume group for the guests' disks, and why that one.

    One that is full, or lacks a disk, serves no guest; the host's own does where no other has room. A thin pool that
    holds all room serves by thin volumes (`guest_pool`), where no group has room beside one.
    """
    there = machine.storage
    named = [g for g in there.groups if _is_name(g.name)]
    taken = [g for g in named if any(guest.group == g.name for guest in guests)]
    if taken:
        most = max(taken, key=lambda g: sum(guest.group == g.name for guest in guests))
        return most.name, f"guests of this host have their disks there; {_why(there, most)}"
    own = [g for g in named if not there.is_mounted(g.name)]
    with_room = [g for g in named if volume_groups.has_room(there, g)]
    best = next((g for g in own if g.name == "guests"), None)
    best = best or max((g for g in own if g in with_room), key=lambda g: g.free, default=None)
    if best is not None:
        return best.name, _why(there, best)
    if shared := max(with_room, key=lambda g: g.free, default=None):
        why = f"the host's own, with {human_size(shared.free)} of {human_size(shared.size)} free"
        return shared.name, f"{why}; a group of the guests' own, on another disk, would be better (H204)"
    pooled = [(g, pool) for g in named if (pool := _pool(there, g))]
    if pooled:
        group, pool = max(pooled, key=lambda one: (one[0] in own, volume_groups.pool_room(one[1])))
        room = human_size(volume_groups.pool_room(pool))
        return (
            group.name,
            f"its room is in the thin pool {pool.full_name}, with {room} of {human_size(pool.size)} free",
        )
    why = "there is none yet with room in it: make it with vgcreate(8) on a disk that holds nothing you need"
    return "guests", "; ".join([why, *(_full(there, g) for g in named)])


def guest_pool(machine: Machine, name: str) -> str:
    """Return the thin pool that guests' volumes are to be made in, '' where their group has room beside its pools."""
    there = machine.storage
    group = there.group(name)
    if group is None or volume_groups.has_room(there, group):
        return ""
    pool = _pool(there, group)
    return pool.name if pool else ""


def _why(there: Storage, group: Group) -> str:
    why = f"it is there, with {human_size(group.free)} of {human_size(group.size)} free"
    if volume_groups.is_partial(there, group.name):
        return why + ", and lacks a disk: LVM makes no volume in it until `pvs` shows none as missing"
    return (
        why if volume_groups.has_room(there, group) else f"{why}: {volume_groups.way_to_room(there, group)}"
    )


def _full(there: Storage, group: Group) -> str:
    """Return why a group that is there serves no guest, and what would change that."""
    lacks = (
        "lacks a disk"
        if volume_groups.is_partial(there, group.name)
        else f"has {human_size(group.free)} free"
    )
    held = volume_groups.holders(there, group)
    # A full group without a pool may be Ceph's or a guest's own: nobody should add a disk to it.
    if not held and not volume_groups.is_partial(there, group.name):
        return f"{group.name} {lacks}"
    return f"{group.name} {lacks}{f', as {held}' if held else ''}: {volume_groups.way_to_room(there, group)}"
