"""Partition tables, MBR and GPT, as `sfdisk --json` has them: a host's disk's, or the one inside a guest's volume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

SECTOR = 512
_EXTENDED = ("5", "f", "85")
_PROTECTIVE = "ee"


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
class Slot:
    """One partition of a BSD label, which lies in a partition (a slice) of the table; sizes in bytes."""

    letter: str
    """`a`, `b`, …; '' where only its place is known."""
    start: int
    """Its first byte in the volume."""
    size: int = 0
    kind: str = ""
    """What the label calls it: `ufs`, `swap`, `zfs`, or '' for another."""
    content: Content = Content()


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
    path: str = ""
    """The device of a disk's partition; '' inside a volume, where it has none."""
    slots: tuple[Slot, ...] = ()
    """What a BSD label in it divides it into."""

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.size

    @property
    def is_extended(self) -> bool:
        """True for the entry of an MBR that only holds others."""
        return self.type in _EXTENDED

    @property
    def is_protective(self) -> bool:
        """True for the entry of an MBR that only announces a GPT."""
        return self.type == _PROTECTIVE


@dataclass(frozen=True)
class Table:
    """What one volume holds."""

    path: str
    """The disk or volume that it is on."""
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
    move: str = ""
    """What to do about the first of them, '' when there is nothing better than to look."""
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


def of_disks(text: str) -> Iterator[Table]:
    """Yield the tables of disks, from the documents of sfdisk that stand one behind the other.

    >>> [t.label for t in of_disks('{"partitiontable":{"label":"gpt","device":"/dev/sda"}}\\n')]
    ['gpt']
    """
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        table = document["partitiontable"]
        parts = (replace(partition(row, table, {}), path=row["node"]) for row in table.get("partitions", []))
        yield Table(table["device"], True, label=table["label"], partitions=tuple(parts))


def number_of(node: str, device: str) -> int:
    """Return a partition's number from the name that sfdisk makes for it.

    >>> number_of("/dev/mapper/guests-disk0p12", "/dev/mapper/guests-disk0")
    12
    """
    name = node.removeprefix(device)
    digits = name[len(name.rstrip("0123456789")) :]
    return int(digits) if digits else 0


def partition(row: dict[str, Any], table: dict[str, Any], held: Mapping[int, Content]) -> Partition:
    """Return a partition of sfdisk's document, with what it holds by where it starts."""
    sector = int(table.get("sectorsize", SECTOR))
    start = int(row["start"]) * sector
    return Partition(
        number_of(row["node"], table["device"]),
        start,
        int(row["size"]) * sector,
        row["type"],
        row.get("name", ""),
        bool(row.get("bootable", False)),
        held.get(start, Content()),
    )


def problems(label: str, found: tuple[Partition, ...], size: int) -> tuple[str, ...]:
    """Return why a table cannot be trusted: overlaps, and ends behind the volume's."""
    said = [
        f"partition {p.number} ends at byte {p.end}, behind the end of the volume ({size})"
        for p in found
        if size and p.end > size and not (label == "dos" and p.is_protective)
    ]
    real = sorted(
        (p for p in found if not p.is_extended and not p.is_protective), key=lambda p: (p.start, p.number)
    )
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
