"""What sfdisk does not show of a hurt table: the headers of a GPT, and the label inside a BSD slice.

Whoever wants to know whether a disk was ever written has to look where a GPT keeps its two headers: in the
second sector and in the last one, of 512 or of 4096 bytes (UEFI specification 2.10, section 5.3). With the first
sector gone neither sfdisk nor blkid nor parted looks there.
"""

from __future__ import annotations

import re
import shlex
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts.storage.tables import SECTOR, Slot
from runbook.model.ask import MISSING, Ask, Facts

_SIGNATURE = b"EFI PART"
_HEAD = struct.Struct("<8sIIIIQQ")
"""Signature, revision, size of the header, its checksum, nothing, its own sector, the other header's."""
_LABEL = 0x82564557
"""DISKMAGIC of FreeBSD's sys/disk/bsd.h."""
_SLOTS = 148
"""Where the label's partitions begin, 16 bytes each: size, offset, fragment, kind, … (struct disklabel)."""
KINDS = {1: "swap", 7: "ufs", 27: "zfs"}
"""What a BSD label says of its partitions (FS_SWAP, FS_BSDFFS, FS_ZFS of FreeBSD's sys/disk/bsd.h)."""


@dataclass(frozen=True)
class Header:
    """One header of a GPT, whole: its checksum is right, and it stands where it says that it does."""

    at: int
    """Its first byte in the volume."""
    sector: int
    """The size of sector that it was written for: 512 or 4096 bytes."""
    disk: int
    """Bytes of the disk that it was written for, by the place of the last header."""

    @property
    def is_first(self) -> bool:
        """True for the one in the second sector, False for the copy in the last."""
        return self.at == self.sector


@dataclass(frozen=True)
class Deep:
    """What lies below the table that sfdisk shows."""

    headers: tuple[Header, ...] = ()
    labels: tuple[tuple[int, tuple[Slot, ...]], ...] = ()
    """The first byte of each slice with a BSD label, and what that label has."""

    def slots(self, start: int) -> tuple[Slot, ...]:
        """Return what the BSD label of the slice at a byte has, nothing when it has none."""
        return dict(self.labels).get(start, ())


def look(path: str) -> Ask:
    """Return the question for the headers of a GPT, at their four places, and for BSD labels in partitions.

    A label begins in the second sector of its slice. od seeks, so the end of a large volume costs nothing.
    """
    return Ask.shell(
        f"d={shlex.quote(path)}\n"
        f'[ -e "$d" ] || exit {MISSING}\n'
        'n=$(blockdev --getsize64 "$d") || exit 1\n'
        "for at in 512 4096 $((n - 512)) $((n - 4096)); do\n"
        '  echo "== header $at"; od -An -v -tx1 -j $at -N 92 "$d" 2>/dev/null\n'
        "done\n"
        'partx -g -b -o START --raw "$d" 2>/dev/null | while read -r start; do\n'
        f"  at=$((start * {SECTOR} + {SECTOR}))\n"
        f'  [ "$(od -An -tx4 --endian=little -j $at -N 4 "$d" 2>/dev/null)" = " {_LABEL:x}" ] || continue\n'
        '  echo "== label $at"; od -An -v -tx1 -j $at -N 404 "$d"\n'
        "done\ntrue"
    )


def parse(facts: Facts, path: str) -> Deep:
    """Return what was found, from the answer to `look(path)`; nothing where it was not asked or not answered."""
    ask = look(path)
    if ask not in facts or not facts[ask].ok:
        return Deep()
    rows = re.split(r"(?m)^== (header|label) (\d+)\n", facts[ask].out)[1:]
    found = [
        (kind, int(at), _bytes(text)) for kind, at, text in zip(*(rows[i::3] for i in range(3)), strict=True)
    ]
    headers = (header(at, data) for kind, at, data in found if kind == "header")
    labels = ((at - SECTOR, tuple(_slots(at - SECTOR, data))) for kind, at, data in found if kind == "label")
    return Deep(tuple(dict.fromkeys(h for h in headers if h)), tuple(row for row in labels if row[1]))


def header(at: int, data: bytes) -> Header | None:
    """Return the header of a GPT whose 92 bytes stand at a byte of the volume, None when there is no whole one."""
    if len(data) < _HEAD.size or not data.startswith(_SIGNATURE):
        return None
    _, _, size, checksum, _, own, other = _HEAD.unpack_from(data)
    bare = data[:16] + bytes(4) + data[20:size]
    if size > len(data) or zlib.crc32(bare) != checksum:
        return None
    sector = next((s for s in (SECTOR, 8 * SECTOR) if own * s == at), 0)
    return Header(at, sector, (max(own, other) + 1) * sector) if sector else None


def _bytes(text: str) -> bytes:
    """Return the bytes that od(1) printed, none for what is no number.

    >>> _bytes(" 45 46 49\\n 20\\n")
    b'EFI '
    """
    words = text.split()
    return bytes.fromhex("".join(words)) if all(re.fullmatch("[0-9a-f]{2}", w) for w in words) else b""


def _slots(start: int, data: bytes) -> Iterator[Slot]:
    """Yield the partitions of a label but those that are unused, and `c`, which is all of it.

    FreeBSD counts from where `c` begins. OpenBSD counts from the begin of the disk, and its `c` begins there.
    """
    if len(data) < _SLOTS or struct.unpack_from("<I", data, 132)[0] != _LABEL:
        return
    count = min(struct.unpack_from("<H", data, 138)[0], (len(data) - _SLOTS) // 16)
    rows = [struct.unpack_from("<IIIBBH", data, _SLOTS + 16 * i) for i in range(count)]
    base = rows[2][1] if count > 2 else 0
    used = [row[1] for i, row in enumerate(rows) if row[0] and row[3] and i != 2]
    if not base and used and min(used) >= start // SECTOR:
        base = start // SECTOR
    for i, (size, offset, _, kind, _, _) in enumerate(rows):
        if size and kind and i != 2:
            yield Slot(
                chr(ord("a") + i), start + (offset - base) * SECTOR, size * SECTOR, KINDS.get(kind, "")
            )
