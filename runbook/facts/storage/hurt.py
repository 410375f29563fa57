"""What is wrong with a partition table that cannot be read as it should be, and the move that destroys nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.facts.storage.headers import Header
from runbook.facts.storage.tables import SECTOR, Partition

_MISMATCH = re.compile(r"PMBR size mismatch \((\d+) != (\d+)\)")
"""sfdisk's remark: the last sector that the first one names, and that of the volume."""
_LARGE = 8 * SECTOR
FIRST = "back the volume up whole first (`content: whole` under management.backups)"


@dataclass(frozen=True)
class Hurt:
    """One fault of a table."""

    why: str
    do: str


def announced(remarks: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the sectors that a table was made for and those that there are, None when sfdisk finds them the same.

    >>> announced(("GPT PMBR size mismatch (409599 != 286719) will be corrected by write.",))
    (409600, 286720)
    """
    found = next((m for line in remarks if (m := _MISMATCH.search(line))), None)
    return (int(found[1]) + 1, int(found[2]) + 1) if found else None


def of(
    path: str,
    label: str,
    found: tuple[Partition, ...],
    size: int,
    remarks: tuple[str, ...],
    headers: tuple[Header, ...],
) -> Hurt | None:
    """Return what keeps a GPT from being read although there is one, None for a table that is read, or none at all.

    `headers` are those that are whole; without them sfdisk's remark has to do.
    """
    is_announced = label == "dos" and any(p.is_protective for p in found)
    if label == "gpt" or (any(not p.is_protective for p in found) and not is_announced):
        return None
    if any(h.sector == _LARGE for h in headers):
        return large_sectors(path)
    disk = max((h.disk for h in headers), default=0)
    if disk > size:
        return too_small(path, size // SECTOR, disk // SECTOR)
    if headers:
        return _kept(path, headers, is_announced)
    return _announced_only(path, remarks) if is_announced else None


def large_sectors(path: str) -> Hurt:
    """Return that a table counts in sectors of 4096 bytes, and the volume has such of 512."""
    return Hurt(
        f"its table counts in sectors of {_LARGE} bytes, as the disk that it was made on, and the volume has sectors of {SECTOR}: "
        "nothing is damaged",
        f"let nobody repair it. Look inside with `losetup --read-only --sector-size {_LARGE} --partscan --find --show {path}`; "
        "a guest needs a disk with such sectors, or its partitions copied to a disk with a table of its own",
    )


def too_small(path: str, sectors: int, wanted: int) -> Hurt:
    """Return that a volume ends before its table does."""
    return Hurt(
        f"the volume is smaller than its table says: it has {sectors} sectors, and the table is that of a disk with {wanted}. It "
        "was copied into a volume that is too small, or cut short, and the table itself is not damaged",
        f"let nobody repair it: a repair drops what lies behind the end. Make it as large as the disk was "
        f"(`lvextend --size {wanted}s {path}`), then copy anew from the disk what was cut off",
    )


def _kept(path: str, headers: tuple[Header, ...], is_announced: bool) -> Hurt:
    """Return what is lost of a table of which at least one header is whole."""
    if is_announced:
        return Hurt(
            "it announces a GPT, a header of that GPT is whole, and its list of partitions is not",
            f"{FIRST}; then `sgdisk --verify {path}` says what it can still read, and writes nothing",
        )
    if any(h.is_first for h in headers):
        lost = "its first sector (sector 0), which announces the GPT, is empty or was overwritten; the GPT behind it is there"
        answer = ""
    else:
        lost = "its first sectors were overwritten; the copy of its GPT at the end of the volume is there"
        answer = "asks which one to use (1, the current GPT), "
    return Hurt(
        lost,
        f"{FIRST}, and start no installation disc for this guest. `sgdisk --verify {path}` looks and writes nothing; "
        f"`gdisk {path}` (package gdisk) {answer}shows the partitions with `p`, and with `w` makes the lost part anew from "
        "what is there. A boot loader of the BIOS that stood in the first sector has to be installed again",
    )


def _announced_only(path: str, remarks: tuple[str, ...]) -> Hurt:
    """Return what an MBR says that announces a GPT, where no header of one is known."""
    sizes = announced(remarks)
    if sizes and sizes[0] * (_LARGE // SECTOR) == sizes[1]:
        return large_sectors(path)
    if sizes and sizes[0] > sizes[1]:
        return too_small(path, sizes[1], sizes[0])
    return Hurt(
        "it announces a GPT, and neither of the two copies of that GPT can be read",
        f"{FIRST}, or restore an earlier backup; what is written to it now may be lost files",
    )
