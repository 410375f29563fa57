"""The survey on a terminal: as wide as it is, and without a word that acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runbook.show.survey import Part
from runbook.survey import MAY, STAY
from runbook.text.console import make_console
from runbook.text.folded import folded as spread
from runbook.text.ranges import ranges

_LOOK = {MAY: "green", STAY: "dim"}
_NARROW = 100
"""Below so many columns a device has lines of its own instead of a row."""
_ALIKE = 4
"""From so many on, devices of one verdict for one reason are one row."""


def show(
    machine: list[tuple[str, str]],
    rows: list[dict[Any, Any]],
    moves: list[tuple[str, str]],
    pictures: Iterable[Part],
) -> None:
    """Print what the machine is, its devices with verdicts and reasons, what to do about those, and the pictures as text."""
    console = make_console()
    console.print(_pairs(machine))
    console.print()
    if console.width < _NARROW:
        _lines(console, rows)
    else:
        console.print(_table(rows))
    counts = Counter[str]()
    for row in rows:
        counts[row["verdict"]] += row["count"]
    console.print()
    console.print(", ".join(f"{n} {word}" for word, n in counts.most_common()) or "no PCI devices")
    if moves:
        console.print()
        console.print(Text("What to do about it", "bold"))
    for do, whose in moves:
        console.print(Padding(Text(f"{whose}: {do}"), (0, 0, 0, 2)))
    for part in pictures:
        console.print()
        console.print(Text(part.title, "bold"))
        for line in part.shown.text.splitlines():
            if console.is_terminal:
                console.print(Text(line, no_wrap=True, overflow="ellipsis"))
            else:
                console.print(Text(spread(line, hang=4)), soft_wrap=True)


def folded(devices: pd.DataFrame, short: Mapping[str, str]) -> list[dict[Any, Any]]:
    """Return a row a device, and at the end one row for all those, of more than three, about which the same is to be said.

    `short` has for some addresses what is to be said in place of all reasons; `count` is the number of devices of a row.
    """
    rows = [row | {"why": short.get(row["address"], row["why"])} for row in devices.to_dict("records")]
    alike: dict[tuple[str, str], list[dict[Any, Any]]] = {}
    for row in rows:
        alike.setdefault((row["verdict"], row["why"]), []).append(row)
    folds = {key: some for key, some in alike.items() if key[1] and len(some) >= _ALIKE}
    single = [row | {"count": 1} for row in rows if (row["verdict"], row["why"]) not in folds]
    among = [row["address"] for row in rows]
    return [*single, *(_fold(some, among) for some in folds.values())]


def _fold(rows: list[dict[Any, Any]], among: list[str]) -> dict[Any, Any]:
    """Return one row for several: their number, their kinds and their addresses."""
    kinds = [kind for kind, _ in Counter(row["class"] for row in rows).most_common()]
    return rows[0] | {
        "address": f"{len(rows)} devices",
        "class": ", ".join(kinds[:3]) + (" and others" if len(kinds) > 3 else ""),
        "device": ranges([row["address"] for row in rows], among),
        "group": "",
        "count": len(rows),
    }


def with_proofs(devices: pd.DataFrame, proved: Mapping[str, str]) -> pd.DataFrame:
    """Return the table of devices with what records say behind the reasons of each."""
    why = [
        "; ".join(filter(None, (str(why), proved.get(str(bdf), ""))))
        for bdf, why in zip(devices["address"], devices["why"], strict=True)
    ]
    return devices.assign(why=why)


def replaced(counts: dict[str, int]) -> str:
    """Return in words what others stand for in a capture."""
    return ", ".join(f"{kind}: {number}" for kind, number in sorted(counts.items())) or "nothing"


def _pairs(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for what, value in rows:
        table.add_row(Text(what, "bold"), Text(value))
    return table


def _table(rows: list[dict[Any, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("address", no_wrap=True)
    table.add_column("device", ratio=3)
    table.add_column("group", justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", ratio=4)
    for row in rows:
        cells = (row["address"], _name(row), row["group"], row["verdict"], row["why"])
        table.add_row(*(Text(str(cell)) for cell in cells), style=_LOOK.get(row["verdict"], "yellow"))
    return table


def _lines(console: Console, rows: list[dict[Any, Any]]) -> None:
    for row in rows:
        look = _LOOK.get(row["verdict"], "yellow")
        group = f", group {row['group']}" if row["group"] else ""
        console.print(Text(f"{row['address']}  {row['verdict']}{group}", look))
        for line in filter(None, (_name(row), row["why"])):
            console.print(Padding(Text(line), (0, 0, 0, 4)))


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['class']}: {row['device']}"
