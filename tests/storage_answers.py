"""What the tools say about storage that a test describes in a few words: lsblk, findmnt, losetup and LVM's full report.

The shapes are those of util-linux 2.38 and lvm2 2.03; what a description does not say is as empty as there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runbook.facts import storage
from runbook.facts.storage import asks
from runbook.model.ask import MISSING, Answer, Ask

Node = dict[str, Any]
_MAPPED = ("lvm", "crypt", "mpath", "dm")
NO_LVM = Answer(127, "", "sh: 1: lvm: not found\n")


def node(name: str, kind: str = "disk", *children: Node, at: Iterable[str] = (), **columns: Any) -> Node:
    """Return a device as lsblk has it, mounted at some places; a `-` in a column's name is written as `_`."""
    is_mapped = kind in _MAPPED
    empty = {
        "name": name,
        "path": f"/dev/mapper/{name}" if is_mapped else f"/dev/{name}",
        "kname": f"dm-{name}" if is_mapped else name,
        "maj:min": f"254:{columns.pop('minor')}" if "minor" in columns else "8:0",
        "type": kind,
        "size": 2**30,
        "log-sec": 512,
        "phy-sec": 512,
        "ro": False,
        "disc-max": 0,
        **dict.fromkeys(("model", "serial", "tran", "pttype", "parttype", "fstype", "label", "uuid")),
        "mountpoints": list(at) or [None],
    }
    known = {column.replace("_", "-"): value for column, value in columns.items()}
    assert set(known) <= set(empty), f"lsblk is not asked for {set(known) - set(empty)}"
    return {**empty, **known, **({"children": list(children)} if children else {})}


def full(old: Node) -> Node:
    """Return a device of which only some columns are said, with the rest of them."""
    said = {
        key: value for key, value in old.items() if key not in ("name", "type", "children", "mountpoints")
    }
    made = node(old["name"], old.get("type", "disk"), *map(full, old.get("children", ())))
    return {**made, **said, "mountpoints": old.get("mountpoints", [None])}


def lsblk(*nodes: Node) -> str:
    """Return the answer of lsblk."""
    return json.dumps({"blockdevices": nodes})


def findmnt(*rows: tuple[str, str, str, str]) -> str:
    """Return the answer of findmnt from target, source, type and options of each mount."""
    keys = ("target", "source", "fstype", "options")
    return json.dumps({"filesystems": [dict(zip(keys, row, strict=True)) for row in rows]}) if rows else ""


def lvm(
    groups: Mapping[str, tuple[int, int]] = {},
    parts: Iterable[tuple[str, str, int]] = (),
    volumes: Iterable[Mapping[str, Any]] = (),
) -> str:
    """Return LVM's full report: size and free bytes of each group; path, group and size of each physical volume."""
    reports = [
        {
            "vg": [
                {"vg_name": name, "vg_size": str(size), "vg_free": str(free), "vg_extent_size": "4194304"}
            ],
            "pv": [_part(*part) for part in parts if part[1] == name],
            "lv": [dict(volume) for volume in volumes if volume["vg_name"] == name],
        }
        for name, (size, free) in groups.items()
    ]
    orphans = [_part(*part) for part in parts if not part[1]]
    return json.dumps({"report": [*reports, *([{"pv": orphans}] if orphans else [])], "log": []})


def lv(path: str, size: int, minor: int | str = -1, **columns: str) -> dict[str, str]:
    """Return the row of the volume `group/name` in the report."""
    group, _, name = path.partition("/")
    empty = dict.fromkeys(
        ("lv_tags", "lv_health_status", "origin", "pool_lv", "data_percent", "metadata_percent"), ""
    )
    return {
        "vg_name": group,
        "lv_name": name,
        "lv_size": str(size),
        "lv_attr": "-wi-a-----",
        "lv_layout": "linear",
        "lv_uuid": f"uuid-of-{name}",
        "lv_dm_path": f"/dev/mapper/{mapped(path)}",
        "lv_kernel_major": "-1" if minor == -1 else "254",
        "lv_kernel_minor": str(minor),
        **empty,
        **columns,
    }


def mapped(path: str) -> str:
    """Return device-mapper's name of the volume `group/name`: it doubles the hyphens."""
    return path.replace("-", "--").replace("/", "-")


def answers(
    *nodes: Node, mounts: str | None = None, report: str | None = "", loops: Iterable[Node] = ()
) -> dict[Ask, Answer]:
    """Return the answers to `storage.WITH_GUESTS` of a host without Xen; `report` None is one without LVM's tools."""
    windows = list(loops)
    return {
        asks.LSBLK: Answer(0, lsblk(*nodes)),
        asks.FINDMNT: Answer(0, findmnt(*_mounts(nodes)) if mounts is None else mounts),
        asks.LVM: NO_LVM if report is None else Answer(0, report),
        asks.LOOPS: Answer(0, json.dumps({"loopdevices": windows}) if windows else ""),
        asks.LINKS: Answer(0, ""),
        **{ask: Answer(127, "", "sh: 1: xl: not found\n") for ask in asks.GUESTS},
        asks.IS_DOM0: Answer(MISSING),
    }


def loop(name: str, file: str, offset: int = 0, *, is_read_only: bool = False) -> Node:
    """Return a row of losetup."""
    return {"name": f"/dev/{name}", "back-file": file, "offset": offset, "sizelimit": 0, "ro": is_read_only}


def _part(path: str, group: str, size: int) -> dict[str, str]:
    missing = "missing" if path == "[unknown]" else ""
    return {"pv_name": path, "vg_name": group, "pv_size": str(size), "pv_missing": missing}


def _mounts(nodes: Iterable[Node]) -> Iterator[tuple[str, str, str, str]]:
    for one in nodes:
        for place in one["mountpoints"]:
            if place and place != "[SWAP]":
                yield place, one["path"], one["fstype"] or "ext4", "rw,relatime"
        yield from _mounts(one.get("children", ()))


assert set(answers()) == set(storage.WITH_GUESTS)
