"""Partition tables as sfdisk(8) has them, or as lsblk(8) lets them be guessed, and as the script that makes them anew."""

from __future__ import annotations

import json
from typing import Any

from runbook.facts.storage import Device, Storage


def read(text: str) -> dict[str, dict[str, Any]]:
    """Return sfdisk's documents by their disks."""
    decoder, at, found = json.JSONDecoder(), 0, {}
    while at < len(text.rstrip()):
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        found[document["partitiontable"]["device"]] = document["partitiontable"]
    return found


def guessed(seen: Storage, disk: Device) -> dict[str, Any]:
    """Return the table of a disk of which sfdisk was not asked: its partitions as lsblk has them, one behind the other."""
    rows = [
        {"node": d.path, "size": d.size_bytes // 512, "type": d.parttype.removeprefix("0X")}
        for d in seen.devices
        if d.kind == "part" and d.parents[:1] == (disk.path,) and d.parttype
    ]
    return {"label": disk.table, "partitions": rows} if disk.table in ("gpt", "dos") and rows else {}


def number(path: str, disk: str) -> str:
    """Return a partition's number, '' for a path that is none of the disk's.

    >>> number("/dev/nvme0n1p2", "/dev/nvme0n1"), number("/dev/sda1; reboot", "/dev/sda")
    ('2', '')
    """
    number = path.removeprefix(disk).removeprefix("p")
    return number if number.isascii() and number.isdigit() else ""


def script(table: dict[str, Any], disk: str) -> tuple[str, set[str]]:
    """Return the table in sfdisk's fields, and the names that its partitions have in fstab(5)."""
    lines = [f"label: {table['label']}", *([f"label-id: {table['id']}"] if table.get("id") else [])]
    known = set()
    for row in table.get("partitions", []):
        start = [f"start={int(row['start'])}"] if "start" in row else []
        fields = [*start, f"size={int(row['size'])}", f"type={row['type']}"]
        fields += [f"uuid={row['uuid']}"] if row.get("uuid") else []
        fields += [f'name="{row["name"]}"'] if row.get("name") and row["name"].isprintable() else []
        fields += ["bootable"] if row.get("bootable") else []
        lines.append(f"{number(row['node'], disk) or 1} : {', '.join(fields)}")
        known.add(f"PARTUUID={row.get('uuid', '').lower()}")
    return "".join(f"{line}\n" for line in lines), known
