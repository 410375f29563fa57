"""What a host is, taken from its runs: each fact as the cell that shows it, with a link to that cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from runbook import params
from runbook.ask import Facts
from runbook.drift import kept
from runbook.errors import RunbookError
from runbook.evidence.files import read_notebook
from runbook.params import HostParams
from runbook.show import budget, pci_tree
from runbook.show.pieces import Shown

Json = dict[str, Any]
Picture = Callable[[HostParams, Facts], Shown]
DEVICES, GUESTS = "Its devices, and who may have them", "Its guests"
CELLS = (
    ("The machine", "00_introduction", "show-machine"),
    (DEVICES, "00_introduction", "show-devices"),
    ("Its disk", "02_debian_installation", "show-disk"),
    ("Its network, as it is and as it is asked for", "06_xen_configuration", "show-network"),
    ("What it started: Xen, dom0 and their command lines", "07_first_boot", "show-xen"),
    (GUESTS, "08_guests", "show-guests"),
    ("Inside the guests' disks", "09_management", "show-volumes"),
)
#: What is drawn above a table, from the answers that the table's run kept.
PICTURES: dict[str, Picture] = {DEVICES: pci_tree.show, GUESTS: budget.show}


@dataclass(frozen=True)
class Fact:
    """One part of the page: what a cell showed, in which run, and where to look."""

    title: str
    html: str
    link: str
    """From the host's folder to the cell."""
    cell: str
    run: Json


def facts_of(place: Path, runs: list[Json]) -> list[Fact]:
    """Return what the newest run that shows it says of each thing; `runs` are the host's, newest first.

    A thing that no run shows is left out.
    """
    found = []
    for title, notebook, cell in CELLS:
        found += list(_first(place, runs, title, notebook, cell))[:1]
    seen = cache(partial(_seen, place))
    return [replace(fact, html=_picture(fact, seen) + fact.html) for fact in found]


def _seen(place: Path, run: str) -> tuple[HostParams, Facts]:
    """Return the parameters of a run, and the answers that it kept."""
    return params.load(place / run / "params.yml", is_kept=True), kept.load(place / run)


def _picture(fact: Fact, seen: Callable[[str], tuple[HostParams, Facts]]) -> str:
    """Return the picture of a fact, '' for one without, or when its run did not ask enough to draw it."""
    if fact.title not in PICTURES:
        return ""
    try:
        drawn = PICTURES[fact.title](*seen(fact.run["id"]))
    except (RunbookError, ValueError, KeyError, OSError):
        return ""
    return f'<div class="picture">{drawn.html}</div>'


def _first(place: Path, runs: list[Json], title: str, notebook: str, cell: str) -> Iterator[Fact]:
    for run in runs:
        book: Json = next((b for b in run["notebooks"] if b["name"] == notebook), {})
        if not book.get("file") or not book.get("html"):
            continue
        if html := _shown(place / run["id"] / book["file"], cell):
            yield Fact(title, html, _link(run, notebook, cell), cell, run)
            return


def _shown(path: Path, cell: str) -> str:
    """Return the HTML that a cell of an executed notebook shows, '' when there is none."""
    try:
        cells = read_notebook(path).cells
    except (OSError, ValueError):
        return ""
    outputs = (output for c in cells if c.get("id") == cell for output in c.get("outputs", []))
    return "".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)


def _link(run: Json, notebook: str, cell: str) -> str:
    return f"{run['id']}/{notebook}.html#cell-id={cell}"
