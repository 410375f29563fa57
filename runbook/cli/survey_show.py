"""The survey on a terminal: as wide as it is, and without a word that acts."""

from __future__ import annotations

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

_LOOK = {MAY: "green", STAY: "dim"}
_NARROW = 100
"""Below so many columns a device has lines of its own instead of a row."""


def show(machine: list[tuple[str, str]], devices: pd.DataFrame, pictures: Iterable[Part]) -> None:
    """Print what the machine is, its devices with verdicts and reasons, and the pictures as text."""
    console = make_console()
    console.print(_pairs(machine))
    console.print()
    if console.width < _NARROW:
        _lines(console, devices)
    else:
        console.print(_table(devices))
    counts = devices["verdict"].value_counts()
    console.print()
    console.print(", ".join(f"{count} {word}" for word, count in counts.items()) or "no PCI devices")
    for part in pictures:
        console.print()
        console.print(Text(part.title, "bold"))
        for line in part.shown.text.splitlines():
            if console.is_terminal:
                console.print(Text(line, no_wrap=True, overflow="ellipsis"))
            else:
                console.print(Text(line), soft_wrap=True)


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


def _table(devices: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("address", no_wrap=True)
    table.add_column("device", ratio=3)
    table.add_column("group", justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", ratio=4)
    for row in devices.to_dict("records"):
        cells = (row["address"], _name(row), row["group"], row["verdict"], row["why"])
        table.add_row(*(Text(str(cell)) for cell in cells), style=_LOOK.get(row["verdict"], "yellow"))
    return table


def _lines(console: Console, devices: pd.DataFrame) -> None:
    for row in devices.to_dict("records"):
        look = _LOOK.get(row["verdict"], "yellow")
        group = f", group {row['group']}" if row["group"] else ""
        console.print(Text(f"{row['address']}  {row['verdict']}{group}", look))
        for line in filter(None, (_name(row), row["why"])):
            console.print(Padding(Text(line), (0, 0, 0, 4)))


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['class']}: {row['device']}"
