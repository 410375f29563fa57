"""Memory that AMD's firmware holds for devices: the IVMD blocks of the ACPI table IVRS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_ALL, _ONE, _RANGE = 0x20, 0x21, 0x22
_UNITY, _EXCLUSION = 1, 8


@dataclass(frozen=True)
class Block:
    """One IVMD block: the devices from `first` to `last` (bus, slot and function in 16 bits) of a segment."""

    segment: int
    first: int
    last: int
    is_for_all: bool = False
    """True for a block that means every device of the segment."""

    def covers(self, bdf: str) -> bool:
        """Return whether a device's address is among the block's.

        >>> Block(0, 0x00A0, 0x00A7).covers("0000:00:14.5"), Block(0, 0x00A0, 0x00A7).covers("0001:00:14.5")
        (True, False)
        """
        segment, bus, rest = bdf.split(":")
        slot, _, function = rest.partition(".")
        number = int(bus, 16) << 8 | int(slot, 16) << 3 | int(function)
        return int(segment, 16) == self.segment and self.first <= number <= self.last


def blocks(table: bytes) -> Iterator[Block]:
    """Yield the IVMD blocks of an IVRS table that map or exclude memory; AMD I/O Virtualization Technology, 5.2.2.

    Whatever is cut short, or has a length of nothing, ends the reading. Later revisions keep the segment in bytes 8
    and 9 of a block, which are reserved, and so nought, in those before.
    """
    at = 48
    while at + 4 <= len(table):
        kind, flags = table[at], table[at + 1]
        length = int.from_bytes(table[at + 2 : at + 4], "little")
        if length < 4:
            return
        body = table[at : at + length]
        at += length
        if kind in (_ALL, _ONE, _RANGE) and flags & (_UNITY | _EXCLUSION) and len(body) >= 32:
            first, last, segment = (int.from_bytes(body[i : i + 2], "little") for i in (4, 6, 8))
            if kind == _ALL:
                yield Block(segment, 0, 0xFFFF, is_for_all=True)
            else:
                yield Block(segment, first, last if kind == _RANGE else first)
