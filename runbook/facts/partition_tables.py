"""What is inside a volume that a guest takes for a disk: its partition table, and what each part holds.

The table comes from `sfdisk --json` (fdisk's own reader, MBR and GPT), the contents from `blkid -p`, which
reads the disk itself at an offset. Nothing has to be mapped or mounted for it, and no name or column of a
table for humans is ever split at blanks or colons (H802).
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from runbook.model.ask import MISSING, Ask, Facts

_SECTOR = 512
_EXTENDED = ("5", "f", "85")
_PROTECTIVE = "ee"
_NOT_A_TABLE = "does not contain a recognized partition table"


@dataclass(frozen=True)
class Content:
    """What a stretch of a disk holds, as blkid(8) names it; all '' when it recognises nothing."""

    fstype: str = ""
    """`ext4`, `ntfs`, `vfat`, `swap`, `LVM2_member`, `crypto_LUKS`, `BitLocker`, …"""
    label: str = ""
    uuid: str = ""
    usage: str = ""
    """`filesystem`, `raid` (LVM too), `crypto`, `other` (swap)."""
    table: str = ""
    """`gpt` or `dos` when the stretch begins with a partition table."""


@dataclass(frozen=True)
class Partition:
    """One entry of a partition table; sizes in bytes, counted from the start of the volume."""

    number: int
    start: int
    size: int
    type: str
    """GPT: a GUID in capitals. MBR: hexadecimal digits, such as `83` or `7`."""
    name: str = ""
    """Its name in a GPT, colons, blanks and quotes as they are."""
    is_boot: bool = False
    """The boot flag of an MBR: the row that is *not* Windows' own disk C: (H804)."""
    content: Content = Content()

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.size

    @property
    def is_extended(self) -> bool:
        """True for the entry of an MBR that only holds others."""
        return self.type in _EXTENDED


@dataclass(frozen=True)
class Table:
    """What one volume holds."""

    path: str
    exists: bool
    size: int = 0
    """Bytes of the whole volume."""
    label: str = ""
    """`gpt`, `dos`, or '' when there is no partition table."""
    partitions: tuple[Partition, ...] = ()
    content: Content = Content()
    """What stands directly in the volume when it has no table: a file system, an LVM group, or nothing."""
    problems: tuple[str, ...] = ()
    """Why the table cannot be trusted; nothing is mounted from such a volume."""
    is_unread: bool = False
    """True when the host lacks sfdisk: what it would find is not known."""
    remarks: tuple[str, ...] = ()
    """What sfdisk remarked, such as a damaged second copy of a GPT."""

    @property
    def is_empty(self) -> bool:
        """True when there is neither a table nor anything else that blkid knows."""
        return (
            self.exists
            and not self.label
            and not self.content.fstype
            and not self.problems
            and not self.is_unread
        )

    def partition(self, number: int) -> Partition | None:
        """Return a partition by its number, None when the table has none of that number."""
        return next((p for p in self.partitions if p.number == number), None)


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
        f'  start=$((start * {_SECTOR})) size=$((size * {_SECTOR})); echo "== at $start"\n'
        '  blkid -p -O $start -S $size -o export "$d" 2>/dev/null\n'
        "done\ntrue"
    )


def parse(facts: Facts, path: str) -> Table:
    """Return what a volume holds, from the answer to `look(path)`."""
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
    text = parts.get("table", "").strip()
    if not text:
        said_no = f"blkid sees a table ({whole.table}) that sfdisk cannot read: {'; '.join(remarks)}"
        return Table(
            path, True, size, content=whole, problems=(said_no,) if whole.table else (), remarks=remarks
        )
    table = json.loads(text)["partitiontable"]
    found = tuple(_partition(row, table, parts) for row in table.get("partitions", []))
    problems = _problems(table["label"], found, size)
    return Table(path, True, size, table["label"], found, whole, problems, remarks=remarks)


def content(text: str) -> Content:
    r"""Return what `blkid -p -o export` said about a stretch of a disk; unsafe letters come with a backslash.

    >>> content("LABEL=Win:\\ C\nUUID=5DB49DE46318C1CA\nTYPE=ntfs\nUSAGE=filesystem\n")
    Content(fstype='ntfs', label='Win: C', uuid='5DB49DE46318C1CA', usage='filesystem', table='')
    """
    pairs = (line.partition("=") for line in text.splitlines())
    said = {name: re.sub(r"\\(.)", r"\1", value) for name, _, value in pairs}
    names = ("TYPE", "LABEL", "UUID", "USAGE", "PTTYPE")
    return Content(*(said.get(name, "") for name in names))


def number_of(node: str, device: str) -> int:
    """Return a partition's number from the name that sfdisk makes for it.

    >>> number_of("/dev/mapper/guests-disk0p12", "/dev/mapper/guests-disk0")
    12
    """
    name = node.removeprefix(device)
    digits = name[len(name.rstrip("0123456789")) :]
    return int(digits) if digits else 0


def _partition(row: dict[str, Any], table: dict[str, Any], parts: dict[str, str]) -> Partition:
    sector = int(table.get("sectorsize", _SECTOR))
    start = int(row["start"]) * sector
    return Partition(
        number_of(row["node"], table["device"]),
        start,
        int(row["size"]) * sector,
        row["type"],
        row.get("name", ""),
        bool(row.get("bootable", False)),
        content(parts.get(f"at {start}", "")),
    )


def _problems(label: str, found: tuple[Partition, ...], size: int) -> tuple[str, ...]:
    """Return why a table cannot be trusted: overlaps, ends behind the volume's, a GPT that is only announced."""
    said = []
    if label == "dos" and any(p.type == _PROTECTIVE for p in found):
        said.append("it announces a GPT, and neither of the two copies of that GPT can be read")
    said += [
        f"partition {p.number} ends at byte {p.end}, behind the end of the volume ({size})"
        for p in found
        if size and p.end > size
    ]
    real = sorted((p for p in found if not p.is_extended), key=lambda p: (p.start, p.number))
    said += [
        f"partitions {a.number} and {b.number} overlap"
        for i, a in enumerate(real)
        for b in real[i + 1 :]
        if b.start < a.end
    ]
    for box in (p for p in found if p.is_extended):
        said += [
            f"partition {p.number} overlaps the extended partition {box.number}"
            for p in real
            if p.number < 5 and p.start < box.end and box.start < p.end
        ]
    return tuple(said)


def _sections(text: str) -> dict[str, str]:
    """Return the text under each `== NAME` line.

    >>> _sections("== size\\n1048576\\n== table\\n== status 1\\n")
    {'size': '1048576\\n', 'table': '', 'status 1': ''}
    """
    rows = re.split(r"(?m)^== (.*)\n", text)
    return dict(zip(rows[1::2], rows[2::2], strict=True))
