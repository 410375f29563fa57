"""The report folder: `reports/<host>/<utc>-<id>/`, and the pages that lead to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from runbook.errors import RunbookError
from runbook.evidence import pages
from runbook.evidence.files import write_atomic
from runbook.evidence.record import NotebookRecord, RunRecord

log = logging.getLogger("runbook.evidence")
Json = dict[str, Any]


def create(reports: Path, record: RunRecord, params: Path) -> Path:
    """Return the new folder of a run, with a copy of its parameters and an empty journal in it."""
    place = reports / record.host / record.id
    try:
        place.mkdir(parents=True)
        write_atomic(place / "params.yml", params.read_text(encoding="utf-8"))
        write_atomic(place / "journal.jsonl", "")
    except OSError as error:
        raise _unwritable(place, error) from error
    return place


def save(place: Path, record: RunRecord) -> None:
    """Write `run.json` and the run's page. Raises `RunbookError` when they cannot be written."""
    try:
        write_atomic(place / "run.json", text(record))
        write_atomic(place / "index.html", page(record))
    except OSError as error:
        raise _unwritable(place, error) from error


def text(record: RunRecord) -> str:
    """Return `run.json`."""
    return json.dumps(record.as_dict(), indent=2, ensure_ascii=False) + "\n"


def page(record: RunRecord) -> str:
    """Return the page of a run."""
    return pages.run_page(record.as_dict())


def close(place: Path, record: RunRecord) -> None:
    """Write the run's last word, then the lists of runs above it."""
    save(place, record)
    try:
        refresh(place.parent.parent)
    except OSError as error:
        raise _unwritable(place.parent.parent, error) from error


def refresh(reports: Path) -> None:
    """Write `index.html` of all reports and of every host anew, from the `run.json` files that are there."""
    runs = list(find_runs(reports))
    write_atomic(reports / "index.html", pages.runs_page(runs))
    for host in {run["host"] for run in runs}:
        mine = [run for run in runs if run["host"] == host]
        write_atomic(reports / host / "index.html", pages.runs_page(mine, host))


def find_runs(reports: Path, host: str = "*") -> Iterator[Json]:
    """Yield the content of every `run.json` that can be read and lies where its host and id say."""
    for path in sorted(reports.glob(f"{host}/*/run.json")):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            if (run["host"], run["id"]) == (path.parent.parent.name, path.parent.name):
                yield run
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is left out of the lists: %s", path, error)


def notebook_page(place: Path, record: RunRecord, entry: NotebookRecord, nb: NotebookNode) -> str | None:
    """Write an executed notebook as HTML; return the file's name, None when that was not possible.

    The executed notebook is the evidence; that its page cannot be made ends no run.
    """
    failure = record.failure if record.failure and record.failure.notebook == entry.name else None
    book = {
        "name": entry.name,
        "title": entry.title,
        "host": record.host,
        "status": entry.status,
        "when": pages.when(record.started),
        "failure": failure,
        "siblings": [other.name for other in record.notebooks],
    }
    try:
        write_atomic(place / f"{entry.name}.html", pages.notebook_page(nb, book))
    except Exception:
        log.exception("no page for %s", entry.name)
        return None
    return f"{entry.name}.html"


def _unwritable(place: Path, error: OSError) -> RunbookError:
    return RunbookError(
        "The report cannot be written",
        where=str(place),
        why=error.strerror or str(error),
        do="free some space or choose another folder with --reports, then run again",
    )
