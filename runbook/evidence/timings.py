"""How long notebooks and steps took in earlier runs, which is how long they may take again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.attestation.places import files_of
from runbook.attestation.statement import RECORD
from runbook.controller.project import project, reports_of
from runbook.errors import RunbookError

_NEWEST = 20
"""How many earlier runs are looked through."""
Steps = dict[str, dict[tuple[str, str], float]]
"""Seconds of each step by how it ended."""


@dataclass(frozen=True)
class LastTime:
    """How many seconds notebooks and steps took when they last ended well, on this host and in this mode.

    Of a step the last time that it had something to change counts before one on which it had not: what finds all
    right takes no time, and tells nothing of a time on which it will not.
    """

    notebooks: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[tuple[str, str], float] = field(default_factory=dict)


def last_time(host: Path, mode: str, current: str = "") -> LastTime:
    """Return how long things took in the newest runs of a host's folder of reports, without the run `current`."""
    books: dict[str, float] = {}
    steps: Steps = {"unchanged": {}, "changed": {}}
    found = [path for path in files_of(host.parent, RECORD, host.name) if path.parent.name != current]
    runs = sorted(found, key=lambda path: path.parent.name, reverse=True)
    for path in runs[:_NEWEST]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            run = json.loads(path.read_text(encoding="utf-8"))
            if run["mode"] == mode:
                _add(run, books, steps)
    return LastTime(books, steps["unchanged"] | steps["changed"])


def step_times(notebook: str, host: str, mode: str) -> Mapping[str, float]:
    """Return how many seconds each step of a notebook took the last time on a host, none outside of the project's folder."""
    try:
        before = last_time(reports_of(project()) / host, mode)
    except RunbookError:
        return {}
    return {step: s for (book, step), s in before.steps.items() if book == notebook}


def _add(run: dict[str, Any], books: dict[str, float], steps: Steps) -> None:
    for book in run["notebooks"]:
        # Of a notebook of which only a step was meant the time says nothing of the whole.
        if book["status"] == "completed" and book["seconds"] is not None and not book.get("note"):
            books.setdefault(book["name"], float(book["seconds"]))
        for step in book["steps"]:
            if step["status"] in steps and step["seconds"] is not None:
                steps[step["status"]].setdefault((book["name"], step["step"]), float(step["seconds"]))
