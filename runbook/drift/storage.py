"""Disks, partitions, mounts and LVM. Names such as sda are given anew at each boot; serial numbers are not."""

from __future__ import annotations

from runbook.drift.named import Things, listed
from runbook.facts import storage as storages
from runbook.facts.storage import Device, Storage
from runbook.model.ask import Facts
from runbook.text.sizes import human_size


def disks(facts: Facts) -> Things:
    """Return every disk by its serial number, or by its name where it has none."""
    storage = storages.parse(facts)
    return {
        _name(disk): {
            "is": f"{human_size(disk.size_bytes)} {disk.model}".strip(),
            "table": disk.table or "none",
            "whole disk": disk.fstype or "nothing",
        }
        for disk in storage.disks
    }


def partitions(facts: Facts) -> Things:
    """Return every partition by its disk and number."""
    storage = storages.parse(facts)
    return {
        f"{_name(disk)} {part.name.removeprefix(disk.name)}": {
            "size": _size(part.size_bytes),
            "holds": part.fstype or "nothing",
            "label": part.label,
            "uuid": part.uuid,
        }
        for part, disk in _parts(storage)
    }


def mounts(facts: Facts) -> Things:
    """Return what is mounted from a disk, by place."""
    rows = (m for m in storages.parse(facts).mounts if m.devices)
    return {m.target: {"is": m.fstype, "options": ",".join(m.options)} for m in rows}


def groups(facts: Facts) -> Things:
    """Return the volume groups; what is free in one follows from its volumes."""
    storage = storages.parse(facts)
    parts = {p.path: f"{_name(disk)} {p.name.removeprefix(disk.name)}" for p, disk in _parts(storage)}
    return {
        group.name: {
            "size": _size(group.size),
            "lies on": listed(
                sorted(parts.get(p.path, _disk_name(storage, p.path)) for p in storage.parts_of(group.name))
            ),
        }
        for group in storage.groups
    }


def volumes(facts: Facts) -> Things:
    """Return the logical volumes with their sizes."""
    return {
        v.full_name: {"size": _size(v.size), "snapshot of": v.origin or "nothing"}
        for v in storages.parse(facts).volumes
    }


def _parts(storage: Storage) -> list[tuple[Device, Device]]:
    by_path = {disk.path: disk for disk in storage.disks}
    parts = [d for d in storage.devices if d.kind == "part" and d.parents and d.parents[0] in by_path]
    return [(part, by_path[part.parents[0]]) for part in parts]


def _name(disk: Device) -> str:
    return disk.serial or disk.name


def _disk_name(storage: Storage, path: str) -> str:
    disk = storage.device(path)
    return _name(disk) if disk else path


def _size(size: int) -> str:
    """Return a size that is the same text only for the same number of bytes.

    >>> _size(2**30), _size(2**30 + 512)
    ('1.0 GiB', '1.0 GiB (1073742336 bytes)')
    """
    return human_size(size) if size % (2**20) == 0 else f"{human_size(size)} ({size} bytes)"
