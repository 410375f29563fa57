"""What is inside a volume that a guest takes for a disk: its partition table, and what each part holds.

The table comes from `sfdisk --json` (fdisk's own reader, MBR and GPT), the contents from `blkid -p`, which
reads the disk itself at an offset. Nothing has to be mapped or mounted for it, and no name or column of a
table for humans is ever split at blanks or colons (H802).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runbook.facts.storage import headers, hurt
from runbook.facts.storage.headers import Deep
from runbook.facts.storage.tables import SECTOR, Content, Partition, Slot, Table, partition, problems
from runbook.model.ask import MISSING, Ask, Facts

_NOT_A_TABLE = "does not contain a recognized partition table"
_DISCS = ("iso9660", "udf")
_SLICES = ("a5", "a6", "a9")
"""MBR's kinds of partition that a BSD label divides once more (FreeBSD, OpenBSD, NetBSD)."""


def look(path: str) -> Ask:
    """Return the question what a volume holds: some four processes, and one more for each partition.

    `partx` reads the table a second time, because a shell cannot take numbers out of JSON.
    """
    return Ask.shell(
        f"d={shlex.quote(path)}\n"
        f'[ -e "$d" ] || exit {MISSING}\n'
        'echo "== size"; blockdev --getsize64 "$d"\n'
        'echo "== whole"; blkid -p -o export "$d" 2>/dev/null\n'
        'echo "== table"; sfdisk --json "$d" || echo "== status $?"\n'
        'partx -g -b -o START,SECTORS --raw "$d" 2>/dev/null | while read -r start size; do\n'
        f'  start=$((start * {SECTOR})) size=$((size * {SECTOR})); echo "== at $start"\n'
        '  blkid -p -O $start -S $size -o export "$d" 2>/dev/null\n'
        "done\ntrue"
    )


def parse(facts: Facts, path: str) -> Table:
    """Return what a volume holds, from the answer to `look(path)` and, where it was asked, to `headers.look(path)`."""
    answer = facts[look(path)]
    if answer.status == MISSING:
        return Table(path, exists=False)
    parts = _sections(answer.out)
    size = int(parts.get("size", "").strip() or 0)
    whole = content(parts.get("whole", ""))
    said = tuple(line.strip() for line in answer.err.splitlines() if _NOT_A_TABLE not in line)
    remarks = tuple(re.sub(r"^sfdisk: ", "", line) for line in said if line)
    if whole.fstype and not whole.table:
        # A FAT or NTFS boot sector ends like an MBR: blkid can tell them apart, sfdisk cannot.
        return Table(path, True, size, content=whole)
    if "status 127" in parts:
        return Table(path, True, size, content=whole, is_unread=True)
    deep = headers.parse(facts, path)
    text = parts.get("table", "").strip()
    if not text and whole.table and not deep.headers:
        said_no = f"blkid sees a table ({whole.table}) that sfdisk cannot read: {'; '.join(remarks)}"
        return Table(path, True, size, content=whole, problems=(said_no,), remarks=remarks)
    table: dict[str, Any] = json.loads(text)["partitiontable"] if text else {"label": ""}
    held = {int(name[3:]): content(said) for name, said in parts.items() if name.startswith("at ")}
    found = tuple(_sliced(partition(row, table, held), held, deep) for row in table.get("partitions", []))
    if whole.fstype and _fills(whole, found):
        return Table(path, True, size, content=whole)
    label = table["label"]
    wrong = problems(label, found, size)
    fault = hurt.of(path, label, found, size, remarks, deep.headers)
    move = fault.do if fault else _room_for(path, label, found, size)
    if fault:
        wrong = (fault.why, *wrong)
    return Table(path, True, size, label, found, whole, wrong, move, remarks=remarks)


def _fills(whole: Content, found: tuple[Partition, ...]) -> bool:
    """Return whether a file system fills the volume although its first sector ends as that of a table.

    exFAT's boot sector, and an ext4's with a boot loader in it, are an MBR without partitions to sfdisk. The image
    of a disc that starts from a USB stick, too, has a table, and its partitions are windows into the disc.
    """
    if whole.fstype in _DISCS:
        return all(p.content.fstype in ("", "vfat", "hfsplus", *_DISCS) for p in found)
    return not found


def _room_for(path: str, label: str, found: tuple[Partition, ...], size: int) -> str:
    """Return what to do about a table with partitions behind the end of the volume, '' when it has none."""
    end = max((p.end for p in found), default=0)
    return hurt.too_small(path, size // SECTOR, -(-end // SECTOR)).do if size and end > size else ""


def _sliced(part: Partition, held: Mapping[int, Content], deep: Deep) -> Partition:
    """Return a partition with what a BSD label divides it into: by the label, else by the places that partx found."""
    label = deep.slots(part.start)
    if label:
        return replace(part, slots=tuple(replace(s, content=held.get(s.start, Content())) for s in label))
    if part.type not in _SLICES:
        return part
    places = sorted(start for start in held if part.start < start < part.end)
    return replace(part, slots=tuple(Slot("", start, content=held[start]) for start in places))


def holding(paths: tuple[str, ...]) -> Ask:
    """Return the question which of some disks hold anything: blkid reads the disk itself (blkid(8), -p).

    One process a disk: given several, blkid stops at the first that is empty.
    """
    return Ask.shell(f'for d in {shlex.join(paths)}; do blkid -p -o export "$d"; done; true')


def parse_holding(text: str) -> frozenset[str]:
    """Return which of the asked disks hold a partition table or a file system.

    >>> sorted(parse_holding("DEVNAME=/dev/guests/comm\\nPTUUID=1c7a\\nPTTYPE=dos\\n"))
    ['/dev/guests/comm']
    """
    return frozenset(line.partition("=")[2] for line in text.splitlines() if line.startswith("DEVNAME="))


def written(facts: Facts, paths: tuple[str, ...]) -> frozenset[str]:
    """Return which of some disks somebody has written: what blkid sees, and what a GPT without its first sector has.

    Reads the answers to `holding(paths)` and, where they were asked, to `headers.look(path)` of each.
    """
    seen = parse_holding(facts[holding(paths)].out)
    return seen | {path for path in paths if headers.parse(facts, path).headers}


def content(text: str) -> Content:
    r"""Return what `blkid -p -o export` said about a stretch of a disk; unsafe letters come with a backslash.

    >>> content("LABEL=Win:\\ C\nUUID=5DB49DE46318C1CA\nTYPE=ntfs\nUSAGE=filesystem\n")
    Content(fstype='ntfs', label='Win: C', uuid='5DB49DE46318C1CA', usage='filesystem', table='')
    """
    pairs = (line.partition("=") for line in text.splitlines())
    said = {name: re.sub(r"\\(.)", r"\1", value) for name, _, value in pairs}
    names = ("TYPE", "LABEL", "UUID", "USAGE", "PTTYPE")
    return Content(*(said.get(name, "") for name in names))


def _sections(text: str) -> dict[str, str]:
    """Return the text under each `== NAME` line.

    >>> _sections("== size\\n1048576\\n== table\\n== status 1\\n")
    {'size': '1048576\\n', 'table': '', 'status 1': ''}
    """
    rows = re.split(r"(?m)^== (.*)\n", text)
    return dict(zip(rows[1::2], rows[2::2], strict=True))
