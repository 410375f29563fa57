"""The tree itself, and the questions that can be put to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from runbook.facts.storage.lvm import Group, PhysicalVolume, Volume
from runbook.facts.storage.model import SPREADS, Device, Mount, Use, holds
from runbook.facts.storage.tables import Table


@dataclass(frozen=True)
class Storage:
    """All storage of a host at one moment."""

    devices: tuple[Device, ...] = ()
    """Each once, in the order of lsblk."""
    mounts: tuple[Mount, ...] = ()
    has_lvm: bool = False
    """False when LVM's tools are missing, or did not answer."""
    groups: tuple[Group, ...] = ()
    """By name."""
    physical_volumes: tuple[PhysicalVolume, ...] = ()
    volumes: tuple[Volume, ...] = ()
    tables: tuple[Table, ...] = ()
    """The partition tables of the disks, where they were asked for."""
    xen_is_silent: bool = False
    """True when this is dom0 under Xen and `xl` does not say which guests run: then nobody can know."""

    # Devices

    @property
    def disks(self) -> tuple[Device, ...]:
        """The whole disks that something could be installed on."""
        return tuple(d for d in self.devices if d.kind == "disk" and d.size_bytes)

    def device(self, path: str) -> Device | None:
        """Return a device by its path, None when there is none."""
        return self._by_path.get(path)

    def table(self, disk: str) -> Table | None:
        """Return the partition table of a disk, None when it has none."""
        return next((t for t in self.tables if t.path == disk), None)

    def above(self, path: str) -> tuple[Device, ...]:
        """Return everything that stands on a device, each thing once, in the order of lsblk."""
        return self._reached(path, self._children)

    def below(self, path: str) -> tuple[Device, ...]:
        """Return everything that a device stands on, in the order of lsblk."""
        return self._reached(path, {d.path: d.parents for d in self.devices})

    def disks_of(self, path: str) -> tuple[str, ...]:
        """Return the paths of the disks that a device stands on; a disk stands on itself."""
        device = self.device(path)
        found = (*self.below(path), device) if device else ()
        return tuple(d.path for d in found if not d.parents)

    # Uses

    def uses(self, path: str) -> tuple[Use, ...]:
        """Return every use of a device and of all that stands on it."""
        return tuple(dict.fromkeys(use for d in self._with_above(path) for use in d.uses))

    def places(self, path: str) -> tuple[str, ...]:
        """Return where anything on a device is mounted (`[SWAP]` for swap), as a member of a pool too; sorted."""
        return tuple(sorted({p for d in self._with_above(path) for p in self._mounted(d)}))

    def mates(self, device: Device) -> tuple[Device, ...]:
        """Return the members of the file system or pool that a device is a member of, itself among them."""
        mine = (device.fstype, _name(device))
        spreads = device.fstype in SPREADS and mine[1]
        return tuple(d for d in self.devices if (d.fstype, _name(d)) == mine) if spreads else (device,)

    def is_free(self, path: str) -> bool:
        """True when a device holds nothing that anybody knows, no empty partition table either."""
        device = self.device(path)
        return device is not None and not (self.uses(path) or self.above(path) or device.table)

    def _mounted(self, device: Device) -> tuple[str, ...]:
        if device.fstype == "zfs_member":
            return tuple(self._of_pool(device.label))
        mates = self.mates(device)
        paths = {path for mate in mates for path in (mate.path, f"/dev/{mate.kernel_name}")}
        named = (m.target for m in self.mounts if paths & {*m.devices})
        return (*(point for mate in mates for point in mate.mountpoints), *named)

    def _of_pool(self, label: str) -> Iterator[str]:
        """Yield where the datasets of a ZFS pool are mounted; its volumes (zd0 …) do not say of which pool they are."""
        for mount in self.mounts:
            if mount.fstype == "zfs" and label in ("", mount.pool):
                yield mount.target
        for device in self.devices:
            if device.kernel_name.startswith("zd"):
                yield from (point for above in self._with_above(device.path) for point in above.mountpoints)

    def on_controller(self, bdf: str) -> tuple[Device, ...]:
        """Return the disks that hang on a PCI device."""
        return tuple(d for d in self.devices if not d.parents and bdf in d.controllers)

    # Mounts

    def mount(self, target: str) -> Mount | None:
        """Return what is mounted at a place; the last one, which hides those before it."""
        return next((m for m in reversed(self.mounts) if m.target == target), None)

    def mount_of(self, path: str) -> Mount | None:
        """Return the mount that holds a path, None when nobody said what is mounted."""
        return max((m for m in self.mounts if holds(m, path)), key=lambda m: len(m.target), default=None)

    # LVM

    def group(self, name: str) -> Group | None:
        """Return a volume group, None when there is none of that name."""
        return next((g for g in self.groups if g.name == name), None)

    def parts_of(self, group: str) -> tuple[PhysicalVolume, ...]:
        """Return the physical volumes of a group."""
        return tuple(p for p in self.physical_volumes if p.group == group)

    def volume(self, group: str, name: str) -> Volume | None:
        """Return a volume, None when there is none of that name in the group."""
        return next((v for v in self.volumes if (v.group, v.name) == (group, name)), None)

    def volumes_of(self, group: str) -> tuple[Volume, ...]:
        """Return the volumes of a group."""
        return tuple(v for v in self.volumes if v.group == group)

    def snapshots_of(self, volume: Volume) -> tuple[Volume, ...]:
        """Return the snapshots that were taken of a volume."""
        return tuple(v for v in self.volumes_of(volume.group) if v.origin == volume.name)

    def is_mounted(self, group: str) -> bool:
        """True when a volume of the group is mounted or used as swap."""
        return any(self.places(v.dm_path) for v in self.volumes_of(group))

    # The graph

    @cached_property
    def _by_path(self) -> dict[str, Device]:
        return {d.path: d for d in self.devices}

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for device in self.devices:
            for parent in device.parents:
                found[parent] = (*found.get(parent, ()), device.path)
        return found

    def _with_above(self, path: str) -> Iterator[Device]:
        if device := self.device(path):
            yield device
        yield from self.above(path)

    def _reached(self, path: str, edges: Mapping[str, tuple[str, ...]]) -> tuple[Device, ...]:
        seen, todo = {path}, [path]
        while todo:
            new = [p for p in edges.get(todo.pop(), ()) if p not in seen]
            seen.update(new)
            todo += new
        return tuple(d for d in self.devices if d.path in seen and d.path != path)


def _name(device: Device) -> str:
    """Return the name that all members of a pool have."""
    return device.label if device.fstype == "zfs_member" else device.uuid
