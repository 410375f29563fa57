"""LVM's full report as JSON (lvmreport(7)): one document a volume group, one more for what belongs to none."""

from __future__ import annotations

import json
from dataclasses import dataclass

from runbook.facts.storage.asks import LVM
from runbook.facts.storage.model import Use
from runbook.model.ask import Facts

Row = dict[str, str]


@dataclass(frozen=True)
class PhysicalVolume:
    """A partition or disk that LVM uses; `group` is '' as long as it belongs to none."""

    path: str
    """`[unknown]` when the group has it and the machine has not."""
    group: str
    size: int
    is_missing: bool = False


@dataclass(frozen=True)
class Group:
    """A volume group; sizes in bytes."""

    name: str
    size: int
    free: int
    extent: int

    def rounded(self, size: int) -> int:
        """Return how many bytes a volume of that size takes: whole extents."""
        return -(-size // self.extent) * self.extent


@dataclass(frozen=True)
class Volume:
    """One logical volume with everybody who has it open."""

    group: str
    name: str
    size: int
    attr: str = ""
    """`lv_attr` of lvs(8): the first letter is `s` for a snapshot, `o` for a volume that has one."""
    layout: tuple[str, ...] = ()
    """`lv_layout` of lvs(8), such as linear, thin, pool, raid1."""
    device: str = ""
    """Its number as `major:minor`; '' while it is not active."""
    tags: tuple[str, ...] = ()
    dm_path: str = ""
    origin: str = ""
    """The volume that a snapshot was taken of."""
    pool: str = ""
    """The thin pool that a thin volume takes its room from."""
    uuid: str = ""
    health: str = ""
    """What is wrong with it, such as `partial`; '' when nothing is."""
    data_percent: float | None = None
    """How full a snapshot or a thin pool is; a snapshot at 100 is lost."""
    metadata_percent: float | None = None
    """How full the book-keeping of a thin pool is."""
    uses: tuple[Use, ...] = ()

    @property
    def path(self) -> str:
        """Where it stands in /dev."""
        return f"/dev/{self.group}/{self.name}"

    @property
    def full_name(self) -> str:
        """`group/name`, as lvs and people write it."""
        return f"{self.group}/{self.name}"

    @property
    def is_open(self) -> bool:
        """True when something has it open: a mount, swap, or a running guest."""
        return self.attr[5:6] == "o"


def parse(facts: Facts) -> tuple[bool, tuple[Group, ...], tuple[PhysicalVolume, ...], tuple[Volume, ...]]:
    """Return whether LVM answered, its groups by name, its physical volumes, and its volumes, unused as yet."""
    answer = facts[LVM]
    text = answer.out if answer.ok else ""
    groups = [
        Group(row["vg_name"], int(row["vg_size"]), int(row["vg_free"]), int(row["vg_extent_size"]))
        for row in rows(text, "vg")
    ]
    parts = tuple(
        PhysicalVolume(row["pv_name"], row["vg_name"], int(row["pv_size"]), bool(row["pv_missing"]))
        for row in rows(text, "pv")
    )
    volumes = tuple(_volume(row) for row in rows(text, "lv"))
    return answer.ok, tuple(sorted(groups, key=lambda g: g.name)), parts, volumes


def rows(text: str, kind: str) -> list[Row]:
    """Return the rows of one kind (`vg`, `lv` or `pv`) of a report, [] when it is empty.

    >>> rows('{"report":[{"vg":[{"vg_name":"guests","vg_free":"17175674880"}]}]}', "vg")
    [{'vg_name': 'guests', 'vg_free': '17175674880'}]
    """
    reports = json.loads(text).get("report", []) if text.strip() else []
    return [row for part in reports for row in part.get(kind, [])]


def _volume(row: Row) -> Volume:
    number = f"{row['lv_kernel_major']}:{row['lv_kernel_minor']}"
    return Volume(
        group=row["vg_name"],
        name=row["lv_name"],
        size=int(row["lv_size"]),
        attr=row["lv_attr"],
        layout=_words(row["lv_layout"]),
        device="" if "-1" in number else number,
        tags=_words(row["lv_tags"]),
        dm_path=row["lv_dm_path"],
        origin=row["origin"],
        pool=row["pool_lv"],
        uuid=row["lv_uuid"],
        health=row["lv_health_status"],
        data_percent=_percent(row["data_percent"]),
        metadata_percent=_percent(row["metadata_percent"]),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _percent(text: str) -> float | None:
    return float(text) if text else None
