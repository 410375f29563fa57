"""What the tools said, put together to the one tree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runbook.facts.storage import guests, lvm, tables
from runbook.facts.storage.asks import FINDMNT, LINKS, LOOPS, LSBLK, TABLES
from runbook.facts.storage.model import Device, Loop, Mount
from runbook.facts.storage.places import Place, places
from runbook.facts.storage.tree import Storage
from runbook.facts.storage.uses import Users
from runbook.model.ask import Facts

Node = dict[str, Any]
_EMPTY: Node = {"mountpoints": (), "maj:min": ""} | dict.fromkeys((
    "type", "size", "log-sec", "phy-sec", "ro", "disc-max", "model", "serial", "tran", "pttype", "parttype", "fstype",
    "label", "uuid",
))  # fmt: skip
"""What a column that nobody asked for says: answers outlive the questions."""


def parse(facts: Facts) -> Storage:
    """Return all storage of the facts. A host without LVM has no groups and no volumes."""
    has_lvm, groups, parts, volumes = lvm.parse(facts)
    running = guests.parse(facts)
    mounts = tuple(
        Mount(row["target"], row["source"] or "", row["fstype"], tuple((row.get("options") or "").split(",")))
        for row in _json(facts[FINDMNT].out).get("filesystems", [])
    )
    bare = Storage(_devices(facts), mounts, has_lvm, groups, parts, volumes, xen_is_silent=running.is_silent)
    where = places(facts[LINKS].out)
    users = Users(bare, running)
    devices = tuple(replace(d, places=_places(bare, d, where), uses=tuple(users.of(d))) for d in bare.devices)
    return replace(
        bare,
        devices=devices,
        volumes=tuple(replace(v, uses=tuple(users.of_volume(v))) for v in volumes),
        tables=tuple(tables.of_disks(facts[TABLES].out)) if TABLES in facts else (),
    )


def loops(text: str) -> Iterator[Loop]:
    """Yield each loop device of `losetup -J`, which says nothing where there is none."""
    for row in json.loads(text)["loopdevices"] if text.strip() else []:
        yield Loop(
            row["name"], int(row["offset"]), int(row["sizelimit"]), bool(row["ro"]), row["back-file"] or ""
        )


def _devices(facts: Facts) -> tuple[Device, ...]:
    """Return every device once, whichever of its parents lsblk lists it under; a loop device stands on its own."""
    nodes: dict[str, Node] = {}
    parents: dict[str, dict[str, None]] = {}
    for node, parent in _walk(_json(facts[LSBLK].out).get("blockdevices", []), ""):
        nodes.setdefault(node["path"], node)
        parents.setdefault(node["path"], {}).update({parent: None} if parent else {})
    paths = {name: path for path, node in nodes.items() for name in (path, f"/dev/{node['kname']}")}
    windows = {loop.name: loop for loop in loops(facts[LOOPS].out)}
    for name, loop in windows.items():
        if name in parents and loop.file in paths:
            parents[name][paths[loop.file]] = None
    return tuple(_device(node, tuple(parents[path]), windows.get(path)) for path, node in nodes.items())


def _walk(nodes: list[Node], parent: str) -> Iterator[tuple[Node, str]]:
    for said in nodes:
        node = _EMPTY | {"path": f"/dev/{said['name']}", "kname": said["name"]} | said
        yield node, parent
        yield from _walk(node.get("children") or [], node["path"])


def _device(node: Node, parents: tuple[str, ...], loop: Loop | None) -> Device:
    return Device(
        name=node["name"],
        path=node["path"],
        kernel_name=node["kname"],
        number=node["maj:min"].strip(),
        kind=node["type"] or "",
        size_bytes=int(node["size"] or 0),
        sector_bytes=int(node["log-sec"] or 0),
        physical_sector_bytes=int(node["phy-sec"] or 0),
        is_read_only=bool(node["ro"]),
        discard_bytes=int(node["disc-max"] or 0),
        model=(node["model"] or "").strip(),
        serial=(node["serial"] or "").strip(),
        transport=node["tran"] or "",
        table=node["pttype"] or "",
        parttype=(node["parttype"] or "").upper(),
        fstype=node["fstype"] or "",
        label=node["label"] or "",
        uuid=node["uuid"] or "",
        mountpoints=tuple(point for point in node["mountpoints"] if point),
        parents=parents,
        loop=loop,
    )


def _places(bare: Storage, device: Device, where: dict[str, Place]) -> tuple[Place, ...]:
    """Return where the disks of a device are; what sysfs does not list is not known, if it was asked at all."""
    nowhere = Place("unknown" if where else "unasked")
    disks = [d for path in bare.disks_of(device.path) if (d := bare.device(path))]
    return tuple(where.get(disk.kernel_name, nowhere) for disk in disks)


def _json(text: str) -> Node:
    value: Node = json.loads(text) if text.strip() else {}
    return value
