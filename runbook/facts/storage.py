"""Disks, what lies on them, what is mounted, and the LVM volumes; each with its PCI controller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from runbook.facts import lvm
from runbook.facts.pci import last_bdf
from runbook.model.ask import Ask, Facts

_LSBLK = Ask.run("lsblk", "-J", "-b", "-o", "NAME,KNAME,TYPE,SIZE,FSTYPE,UUID,MOUNTPOINTS")
_FINDMNT = Ask.run("findmnt", "-J", "-l", "-b", "--real", "-o", "TARGET,SOURCE,FSTYPE,SIZE,AVAIL")
_VGS = lvm.report("vgs", "vg_name,vg_size,vg_free,pv_name")
_LVS = lvm.report("lvs", "vg_name,lv_name,lv_size,lv_attr")
_LINKS = Ask.shell(
    "find /sys/class/block/ /sys/class/nvme-subsystem/*/ -maxdepth 1 -type l"
    " -printf '%f %l\\n' 2>/dev/null; true"
)

COMMANDS = (_LSBLK, _FINDMNT, _VGS, _LVS, _LINKS)


@dataclass(frozen=True)
class Block:
    """A disk, a partition, or anything that stands on one."""

    name: str
    """As lsblk shows it: `sda1`, or `guests-windows` for a mapped device."""
    kind: str
    """`disk`, `part`, `lvm`, `crypt`, `raid1`, …"""
    size_bytes: int
    fstype: str
    uuid: str
    mountpoints: tuple[str, ...]
    """Where it is mounted; `[SWAP]` for swap in use."""
    under: tuple[str, ...]
    """The names of what it stands on, the disk first; () for a disk."""
    controllers: tuple[str, ...]
    """PCI addresses of the controllers of its disk; more than one for a multipath NVMe disk."""


@dataclass(frozen=True)
class Mount:
    """A mounted file system that is on a disk or comes over the network."""

    target: str
    source: str
    fstype: str
    size_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class VolumeGroup:
    """An LVM volume group."""

    name: str
    size_bytes: int
    free_bytes: int
    physical_volumes: tuple[str, ...]


@dataclass(frozen=True)
class LogicalVolume:
    """An LVM logical volume."""

    group: str
    name: str
    size_bytes: int
    attr: str
    """`lv_attr` of lvs(8), such as `-wi-ao----`."""

    @property
    def is_open(self) -> bool:
        """True when something has it open: a mount, swap, or a running guest."""
        return self.attr[5:6] == "o"


@dataclass(frozen=True)
class Storage:
    """All storage of the host."""

    blocks: tuple[Block, ...]
    mounts: tuple[Mount, ...]
    groups: tuple[VolumeGroup, ...]
    volumes: tuple[LogicalVolume, ...]

    def disks_of(self, bdf: str) -> tuple[str, ...]:
        """Return the disks that hang on a PCI device."""
        return tuple(b.name for b in self.blocks if not b.under and bdf in b.controllers)

    def uses_of(self, bdf: str) -> tuple[str, ...]:
        """Return what dom0 has mounted, or swaps to, from the disks on a PCI device, sorted."""
        return tuple(sorted({m for b in self.blocks if bdf in b.controllers for m in self._mounts_on(b)}))

    def groups_of(self, bdf: str) -> tuple[str, ...]:
        """Return the volume groups that have a part on the disks of a PCI device, sorted."""
        names = {b.name for b in self.blocks if bdf in b.controllers}
        return tuple(sorted(
            g.name for g in self.groups
            if any(PurePosixPath(pv).name in names for pv in g.physical_volumes)
        ))  # fmt: skip

    def is_group_mounted(self, group: str) -> bool:
        """True when a volume of the group is mounted or used as swap."""
        mapped = group.replace("-", "--") + "-"  # device-mapper doubles the hyphens of a name
        volume = re.compile(re.escape(mapped) + "[^-]")
        mounted = (name for b in self.blocks if b.mountpoints for name in (b.name, *b.under))
        return any(volume.match(name) for name in mounted)

    def mount_of(self, path: str) -> Mount | None:
        """Return the file system that holds a path, None when that is not on a disk."""
        holds = [m for m in self.mounts if PurePosixPath(path).is_relative_to(m.target)]
        return max(holds, key=lambda m: len(m.target), default=None)

    def _mounts_on(self, block: Block) -> tuple[str, ...]:
        """Return the block's mounts; a member of a file system on several disks has those of all."""
        if block.mountpoints or block.fstype != "btrfs":
            return block.mountpoints
        return tuple(m for b in self.blocks if b.uuid == block.uuid for m in b.mountpoints)


def parse(facts: Facts) -> Storage:
    """Return the storage of the facts. A host without LVM has no groups and no volumes.

    >>> controllers("vda ../../devices/pci0000:00/0000:00:08.0/virtio2/block/vda")
    {'vda': ('0000:00:08.0',)}
    """
    where = controllers(facts[_LINKS].out)
    tree = _load(facts[_LSBLK].out).get("blockdevices", [])
    blocks = tuple(block for node in tree for block in _blocks(node, (), where.get(node["kname"], ())))
    rows = _rows(facts[_VGS], "vg")
    groups: dict[str, VolumeGroup] = {}
    for row in rows:
        name = row["vg_name"]
        group = groups.get(name) or VolumeGroup(name, int(row["vg_size"]), int(row["vg_free"]), ())
        groups[name] = replace(group, physical_volumes=(*group.physical_volumes, row["pv_name"]))
    return Storage(
        blocks=blocks,
        mounts=tuple(_mount(row) for row in _load(facts[_FINDMNT].out).get("filesystems", [])),
        groups=tuple(groups[name] for name in sorted(groups)),
        volumes=tuple(
            LogicalVolume(row["vg_name"], row["lv_name"], int(row["lv_size"]), row["lv_attr"])
            for row in _rows(facts[_LVS], "lv")
        ),
    )


def controllers(text: str) -> dict[str, tuple[str, ...]]:
    """Return the PCI devices behind each block device, from `NAME LINK` lines of sysfs.

    A multipath NVMe disk has no PCI device in its own path, only the name of its subsystem.
    """
    links = [line.split(" ", 1) for line in text.splitlines() if " " in line]
    drives = {name: last_bdf(link) for name, link in links if re.fullmatch(r"nvme\d+", name)}
    result: dict[str, tuple[str, ...]] = {}
    for name, link in links:
        if bdf := last_bdf(link):
            result[name] = (bdf,)
        elif "/nvme-subsystem/" in link:
            result[name] = tuple(sorted({bdf for bdf in drives.values() if bdf}))
    return result


def _blocks(node: dict[str, Any], under: tuple[str, ...], where: tuple[str, ...]) -> Iterator[Block]:
    yield Block(
        name=node["name"],
        kind=node["type"],
        size_bytes=int(node["size"] or 0),
        fstype=node["fstype"] or "",
        uuid=node["uuid"] or "",
        mountpoints=tuple(point for point in node["mountpoints"] if point),
        under=under,
        controllers=where,
    )
    for child in node.get("children", []):
        yield from _blocks(child, (*under, node["name"]), where)


def _mount(row: dict[str, Any]) -> Mount:
    return Mount(row["target"], row["source"], row["fstype"], int(row["size"] or 0), int(row["avail"] or 0))


def _rows(answer: Any, kind: str) -> list[dict[str, str]]:
    return lvm.rows(answer.out, kind) if answer.ok else []


def _load(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text) if text.strip() else {}
    return value
