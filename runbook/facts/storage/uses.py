"""Who uses a device: a guest, a mount, swap, a loop device, a mapping, somebody unseen; or what it is a part of.

Every way of opening a device that the host can know of is looked at, because each of them alone misses some:
Xen does not know of mounts, the list of mounts names a loop device instead of the volume, and LVM only says
*that* something has a volume open. Works under plain Linux too, where no guest can run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts.storage.guests import Guests
from runbook.facts.storage.lvm import Volume
from runbook.facts.storage.model import Device, Use
from runbook.facts.storage.tree import Storage

_PARTS_OF_OTHERS = ("ceph_bluestore", "bcache", "drbd", "stratis", "vdo", "jbd", "xfs_external_log")
"""What blkid(8) calls a piece of something; an external journal belongs to a file system that may be mounted elsewhere."""


@dataclass(frozen=True)
class Users:
    """The users of the devices of a tree."""

    tree: Storage
    guests: Guests

    def of(self, device: Device) -> Iterator[Use]:
        """Yield the uses of one device: who has it open, then what it is a part of."""
        volume = next((v for v in self.tree.volumes if v.device and v.device == device.number), None)
        yield from self.of_volume(volume) if volume else self._open(device)
        yield from self._whole(device)

    def of_volume(self, volume: Volume) -> Iterator[Use]:
        """Yield who has a volume open; `open` only when LVM says so and nobody else explains it."""
        device = next((d for d in self.tree.devices if volume.device and d.number == volume.device), None)
        paths = frozenset({volume.path, volume.dm_path})
        found = [*self._guests(volume.device, paths), *(self._open(device, paths) if device else ())]
        yield from dict.fromkeys(found)
        if not found and volume.is_open:
            yield Use("open", "")

    def _guests(self, number: str, paths: frozenset[str]) -> Iterator[Use]:
        yield from (Use("guest", name) for name in self.guests.with_device(number, paths))

    def _open(self, device: Device, paths: frozenset[str] = frozenset()) -> Iterator[Use]:
        names = paths | {device.path, f"/dev/{device.kernel_name}"}
        yield from self._guests(device.number, names)
        yield from self._mounts(device)
        above = [d for d in self.tree.devices if device.path in d.parents]
        for child in (d for d in above if d.loop):
            inside = [
                *self._mounts(child),
                *(m for d in self.tree.above(child.path) for m in self._mounts(d)),
            ]
            seen = (Use(m.kind, m.who, m.is_read_only, child.loop) for m in inside)
            yield from list(seen) or [Use("loop", child.path, child.is_read_only, child.loop)]
        # A mapping, such as a partition of a volume; a disk's own partitions are none.
        yield from (Use("holder", d.name) for d in above if d.kernel_name.startswith("dm-"))

    def _mounts(self, device: Device) -> Iterator[Use]:
        for point in device.mountpoints:
            if point == "[SWAP]":
                yield Use("swap", "dom0")
            else:
                at = [m for m in self.tree.mounts if m.target == point]
                mine = [m for m in at if device.path in m.devices] or at
                yield Use("mount", point, bool(mine) and mine[-1].is_read_only)

    def _whole(self, device: Device) -> Iterator[Use]:
        """Yield what a device is a part of, or what it holds that nobody has open."""
        names = {device.path, f"/dev/{device.kernel_name}"}
        group = next((p.group for p in self.tree.physical_volumes if p.path in names), None)
        children = [d for d in self.tree.devices if device.path in d.parents]
        above = next((d.name for d in children), "")
        kind = device.fstype
        if group is not None:
            yield Use("group", group)
        elif kind == "zfs_member":
            yield Use("pool", f"ZFS pool {device.label}".rstrip())
        elif len(self.tree.mates(device)) > 1:
            yield Use("pool", f"{kind} on several disks")
        elif kind == "linux_raid_member":
            yield Use("raid", above or device.label)
        elif kind == "crypto_LUKS":
            yield Use("crypt", above)
        elif any(d.kernel_name.startswith("drbd") for d in children):
            yield Use("member", "drbd")  # with its own data elsewhere, a device of DRBD shows what is on it
        elif kind and (kind.endswith("_member") or kind in _PARTS_OF_OTHERS):
            yield Use("member", kind)
        elif kind and not device.mountpoints:
            yield Use("content", kind)
