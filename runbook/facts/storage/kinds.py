"""What the kinds of partitions are called, and which of them hold no files that could be mounted: `kinds.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Kind:
    """One kind of partition, as tables name it."""

    label: str
    """`gpt` or `dos`."""
    type: str
    """GPT: a GUID in capitals. MBR: hexadecimal digits."""
    name: str
    holds: str
    """Why no files are mounted from it, in words; '' where they may be."""
    source: str
    """Who says so, where it is not `sfdisk -T`."""

    @property
    def is_dynamic(self) -> bool:
        """True for a piece of a Windows dynamic disk, whatever blkid sees at its begin."""
        return "(LDM)" in self.name


UNKNOWN = Kind("", "", "", "", "")


@cache
def _kinds() -> dict[tuple[str, str], Kind]:
    text = files(__package__).joinpath("kinds.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {(row["label"], row["type"]): Kind(**row) for row in rows}


def find(label: str, kind: str) -> Kind:
    """Return a kind of partition by the label of its table and its type there, `UNKNOWN` for one that nobody named.

    >>> find("dos", "a5").name, find("gpt", "516E7CBA-6ECF-11D6-8FF8-00022D09712B").name
    ('FreeBSD slice', 'FreeBSD ZFS')
    """
    return _kinds().get((label, kind), UNKNOWN)


def every() -> tuple[Kind, ...]:
    """Return all kinds that are known."""
    return tuple(_kinds().values())
