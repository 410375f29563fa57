"""Every disk with what is on it: partition tables, file systems, LVM, and what is in use right now.

`runbook.facts.storage` says which PCI device carries what; this module says what would be lost. All of
it comes from the tools' own machine formats: lsblk(8), sfdisk(8), lvmreport(7), findmnt(8).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.facts import lvm
from runbook.model.ask import Ask, Facts

MIB = 1024 * 1024

_COLUMNS = "NAME,PATH,TYPE,SIZE,RO,MODEL,SERIAL,TRAN,PTTYPE,PARTTYPE,PARTLABEL,FSTYPE,LABEL,UUID,MOUNTPOINTS"
_LSBLK = Ask.run("lsblk", "-J", "-b", "-o", _COLUMNS)
# One process a disk: given several, sfdisk leaves the JSON of all of them open.
_TABLES = Ask.shell('for d in $(lsblk -dnpo NAME -e 1,2,7,11); do sfdisk --json "$d" 2>/dev/null; done; true')
_FINDMNT = Ask.run("findmnt", "-J", "-l", "-o", "TARGET,SOURCE,FSTYPE,OPTIONS")
_PVS = lvm.report("pvs", "pv_name,vg_name,pv_size")
_VGS = lvm.report("vgs", "vg_name,vg_size,vg_free")
_LVS = lvm.report("lvs", "vg_name,lv_name,lv_size,lv_dm_path")


@dataclass(frozen=True)
class Device:
    """A disk, a partition, or what stands on one: a volume, an opened LUKS container, a RAID array."""

    name: str
    path: str
    kind: str
    """`disk`, `part`, `lvm`, `crypt`, `raid1`, `loop`, `rom`, …"""
    size_bytes: int
    is_read_only: bool
    model: str
    serial: str
    transport: str
    """`sata`, `nvme`, `usb`, …; '' when the kernel does not say."""
    table: str
    """The partition table it holds or is part of: `gpt`, `dos` or ''."""
    parttype: str
    """The type of a partition, as the table has it."""
    fstype: str
    label: str
    uuid: str
    mountpoints: tuple[str, ...]
    """Where it is mounted; `[SWAP]` for swap in use."""
    under: tuple[str, ...]
    """The paths of what it stands on, the disk first; () for a disk."""


@dataclass(frozen=True)
class Entry:
    """One partition as its table has it; bytes from the disk's start."""

    path: str
    start: int
    size: int
    type: str
    name: str = ""


@dataclass(frozen=True)
class Table:
    """The partition table of one disk."""

    disk: str
    label: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class PhysicalVolume:
    """A partition or disk that LVM uses; `group` is '' as long as it belongs to none."""

    path: str
    group: str
    size: int


@dataclass(frozen=True)
class Group:
    """A volume group; sizes in bytes."""

    name: str
    size: int
    free: int


@dataclass(frozen=True)
class Volume:
    """A logical volume; its size in bytes."""

    group: str
    name: str
    size: int
    path: str
    """Such as /dev/mapper/xen-root."""


@dataclass(frozen=True)
class Mount:
    """Something mounted, wherever it comes from."""

    target: str
    source: str
    fstype: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Disks:
    """All disks of a host at one moment."""

    devices: tuple[Device, ...]
    tables: tuple[Table, ...]
    physical_volumes: tuple[PhysicalVolume, ...]
    groups: tuple[Group, ...]
    volumes: tuple[Volume, ...]
    mounts: tuple[Mount, ...]

    @property
    def disks(self) -> tuple[Device, ...]:
        """The whole disks that something could be installed on."""
        return tuple(d for d in self.devices if d.kind == "disk" and d.size_bytes)

    def device(self, path: str) -> Device | None:
        """Return a device by its path, None when there is none."""
        return next((d for d in self.devices if d.path == path), None)

    def table(self, disk: str) -> Table | None:
        """Return the partition table of a disk, None when it has none."""
        return next((t for t in self.tables if t.disk == disk), None)

    def on(self, disk: str) -> tuple[Device, ...]:
        """Return everything that stands on a disk, each thing once, in the order of lsblk."""
        return tuple({d.path: d for d in self.devices if disk in d.under}.values())

    def group(self, name: str) -> Group | None:
        """Return a volume group, None when there is none of that name."""
        return next((g for g in self.groups if g.name == name), None)

    def volume(self, group: str, name: str) -> Volume | None:
        """Return a volume, None when there is none of that name in the group."""
        return next((v for v in self.volumes if (v.group, v.name) == (group, name)), None)

    def partitions_of(self, group: str) -> tuple[str, ...]:
        """Return the paths of a volume group's physical volumes."""
        return tuple(p.path for p in self.physical_volumes if p.group == group)

    def mount(self, target: str) -> Mount | None:
        """Return what is mounted at a place; the last one, which hides those before it."""
        return next((m for m in reversed(self.mounts) if m.target == target), None)

    def disks_below(self, path: str) -> tuple[str, ...]:
        """Return the disks that a device stands on; a disk stands on itself."""
        found = (d.under[0] if d.under else d.path for d in self.devices if d.path == path)
        return tuple(dict.fromkeys(found))


def commands() -> tuple[Ask, ...]:
    """Return the questions about all disks."""
    return (_LSBLK, _TABLES, _FINDMNT, _PVS, _VGS, _LVS)


def parse(facts: Facts) -> Disks:
    """Return the disks of the facts; without LVM's tools there are no groups."""
    trees = _json(facts[_LSBLK].out).get("blockdevices", [])
    return Disks(
        devices=tuple(device for node in trees for device in _devices(node, ())),
        tables=tuple(_table(row) for row in _documents(facts[_TABLES].out)),
        physical_volumes=tuple(
            PhysicalVolume(row["pv_name"], row["vg_name"], int(row["pv_size"]))
            for row in _rows(facts, _PVS, "pv")
        ),
        groups=tuple(
            Group(row["vg_name"], int(row["vg_size"]), int(row["vg_free"]))
            for row in _rows(facts, _VGS, "vg")
        ),
        volumes=tuple(
            Volume(row["vg_name"], row["lv_name"], int(row["lv_size"]), row["lv_dm_path"])
            for row in _rows(facts, _LVS, "lv")
        ),
        mounts=tuple(
            Mount(row["target"], row["source"] or "", row["fstype"], tuple((row["options"] or "").split(",")))
            for row in _json(facts[_FINDMNT].out).get("filesystems", [])
        ),
    )


def gib(size_bytes: int) -> str:
    """Return a size for people.

    >>> gib(107374182400), gib(805306368)
    ('100.0 GiB', '768 MiB')
    """
    return f"{size_bytes / 2**30:.1f} GiB" if size_bytes >= 2**30 else f"{size_bytes // MIB} MiB"


def _devices(node: dict[str, Any], under: tuple[str, ...]) -> Iterator[Device]:
    yield Device(
        name=node["name"],
        path=node["path"],
        kind=node["type"],
        size_bytes=int(node["size"] or 0),
        is_read_only=bool(node["ro"]),
        model=(node["model"] or "").strip(),
        serial=(node["serial"] or "").strip(),
        transport=node["tran"] or "",
        table=node["pttype"] or "",
        parttype=(node["parttype"] or "").upper(),
        fstype=node["fstype"] or "",
        label=node["label"] or "",
        uuid=node["uuid"] or "",
        mountpoints=tuple(point for point in node["mountpoints"] if point),
        under=under,
    )
    for child in node.get("children", []):
        yield from _devices(child, (*under, node["path"]))


def _table(document: dict[str, Any]) -> Table:
    """Return one disk's table; sfdisk counts in sectors."""
    table = document["partitiontable"]
    sector = int(table.get("sectorsize", 512))
    entries = tuple(
        Entry(p["node"], p["start"] * sector, p["size"] * sector, p["type"].upper(), p.get("name", ""))
        for p in table.get("partitions", [])
    )
    return Table(table["device"], table["label"], entries)


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """Return the JSON documents that stand one behind the other.

    >>> [d["partitiontable"]["label"] for d in _documents('{"partitiontable":{"label":"gpt"}}\\n')]
    ['gpt']
    """
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        yield document


def _rows(facts: Facts, ask: Ask, kind: str) -> list[dict[str, str]]:
    return lvm.rows(facts[ask].out, kind) if facts[ask].ok else []


def _json(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text) if text.strip() else {}
    return value
