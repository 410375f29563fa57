"""What a host is, taken from its runs: each fact with the moment at which it was seen, and a link to the cell.

A run that changed the host looks once more at its end; then all facts are of that one moment. Without that look
each fact is what its cell showed, and the page keeps apart what was seen before Xen ran from what was seen under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook import params
from runbook.drift import kept
from runbook.engine import journal
from runbook.errors import RunbookError
from runbook.evidence.files import read_notebook
from runbook.evidence.moments import Moment, moment
from runbook.facts import system
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.show import budget, pci_tree, tables
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
    """One part of the page: what was seen, when, in which run, and the cell that shows it."""

    title: str
    html: str
    link: str
    """From the host's folder to the cell."""
    notebook: str
    cell: str
    run: Json
    seen: Moment
    is_last: bool
    """True when it was seen by the look at the end of its run."""


def facts_of(place: Path, runs: list[Json]) -> list[tuple[str, list[Fact]]]:
    """Return what the newest run that shows it says of each thing, under headings that say what ran then.

    `runs` are the host's, newest first. What was seen last comes first. A thing that no run shows is left out.
    """
    found = []
    for title, notebook, cell in CELLS:
        found += list(_first(place, runs, title, notebook, cell))[:1]
    ran = dict.fromkeys(fact.seen.is_dom0 for fact in sorted(found, key=lambda f: f.seen.at, reverse=True))
    return [
        (_heading(is_dom0, list(ran)), [f for f in found if f.seen.is_dom0 is is_dom0]) for is_dom0 in ran
    ]


def _heading(is_dom0: bool | None, ran: list[bool | None]) -> str:
    """Return the heading of what was seen while Xen ran or did not; `ran` begins with what ran last."""
    if is_dom0 is None:
        return "Seen by earlier runs, which do not say what ran then"
    was_last = next(known for known in ran if known is not None) is is_dom0
    if is_dom0:
        return "Under Xen" if was_last else "Earlier, under Xen"
    return "Without Xen" if was_last else "Before: without Xen"


def _first(place: Path, runs: list[Json], title: str, notebook: str, cell: str) -> Iterator[Fact]:
    for run in runs:
        book: Json = next((b for b in run["notebooks"] if b["name"] == notebook), {})
        if not book.get("file") or not book.get("html"):
            continue
        within = Path(run["place"]).relative_to(place.name)
        folder = place / within
        html, at = _shown(folder / book["file"], cell)
        if not html:
            continue
        facts, last = kept.of(folder, notebook), kept.of(folder, kept.LAST)
        seen, is_last = moment(journal.read(folder / "journal.jsonl"), notebook, at or run["started"]), False
        if last.keys() >= facts.keys() | set(system.COMMANDS) and (drawn := _table(cell, folder, last)):
            facts, html, is_last = last, drawn, True
            booted = system.parse(last)
            seen = Moment(run["ended"] or run["started"], booted.kernel, booted.is_dom0)
        link = f"{within}/{notebook}.html#cell-id={cell}"
        yield Fact(title, _picture(title, folder, facts) + html, link, notebook, cell, run, seen, is_last)
        return


def _table(cell: str, folder: Path, facts: Facts) -> str:
    """Return what a cell would show of these answers, '' when they do not suffice."""
    return _drawn(
        lambda: tables.show(
            cell.removeprefix("show-"), params.load(folder / "params.yml", is_kept=True), facts
        )
    )


def _picture(title: str, folder: Path, facts: Facts) -> str:
    """Return the picture of a fact, '' for one without, or when not enough was asked to draw it."""
    if title not in PICTURES:
        return ""
    html = _drawn(lambda: PICTURES[title](params.load(folder / "params.yml", is_kept=True), facts))
    return f'<div class="picture">{html}</div>' if html else ""


def _drawn(draw: Callable[[], Shown]) -> str:
    try:
        return draw().html
    except (RunbookError, ValueError, KeyError, OSError):
        return ""


def _shown(path: Path, cell: str) -> tuple[str, str]:
    """Return the HTML that a cell of an executed notebook shows, '' when there is none, and when it did."""
    try:
        cells = [c for c in read_notebook(path).cells if c.get("id") == cell]
    except (OSError, ValueError):
        return "", ""
    outputs = (output for c in cells for output in c.get("outputs", []))
    html = "".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)
    times = [c.metadata.get("papermill", {}).get("start_time") or "" for c in cells]
    return html, times[0] if times else ""
