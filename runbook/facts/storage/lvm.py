"""LVM's full report as JSON (lvmreport(7)): one document a volume group, one more for what belongs to none."""

from __future__ import annotations

import json

from runbook.facts.storage.asks import LVM
from runbook.facts.storage.model import Group, PhysicalVolume, Volume
from runbook.model.ask import Facts

Row = dict[str, str]


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
