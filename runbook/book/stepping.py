"""A book without a runner — in JupyterLab, or under plain papermill: its run is opened and closed by the notebook itself.

The runner of `runbook run` names its folder to the kernel, and then nothing here is used. Nothing is imported here
that a look at a host does not need: opening a book stays quick.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.engine.journal import Journal
from runbook.errors import RunbookError
from runbook.params import HostParams, digest
from runbook.steps import Step

if TYPE_CHECKING:
    from runbook.book import Book
    from runbook.evidence.cells import Cells
    from runbook.evidence.record import Run
    from runbook.evidence.session import Session

log = logging.getLogger("runbook.evidence")
NOTE = "run by the notebook itself, without `runbook run`"


@dataclass
class _Stepped:
    """A run that this kernel has open, and the book that goes on with it."""

    params: HostParams
    session: Session
    cells: Cells
    book: Book | None = None

    def goes_on_with(self, params: HostParams, notebook: str) -> bool:
        """Return whether that is the same notebook with the same parameters: the cell that opens it was run again."""
        return (self.session.entry.name, digest(self.params)) == (notebook, digest(params))


_OPEN: dict[str, _Stepped] = {}
"""By host. The kernel is what lives as long as these runs do, so they are kept with it and with no book."""


def reports() -> Path:
    """Return the folder of all reports: $RUNBOOK_REPORTS, else `reports` of the project."""
    from runbook.controller.project import project, reports_of

    return reports_of(project())


def open_book(
    params: HostParams, path: str, notebook: str, steps: dict[str, Step], make: Callable[[Journal], Book],
    *, is_kept: bool,
) -> Book:  # fmt: skip
    """Return the book that `make` gives with a journal. With `is_kept`, that of a run in the folder of reports.

    The same notebook opened again goes on with its run. Any other of the same host ends that run first: no two
    books of one kernel act on one host. What `make` raises ends the run too.
    """
    before = _OPEN.get(params.host)
    if before and before.book:
        before.book.let_go()
    if before and not (is_kept and before.goes_on_with(params, notebook)):
        _close(before)
    if not is_kept:
        return make(Journal(None))
    stepped = _OPEN.get(params.host) or _begin(params, path, notebook, steps)
    try:
        stepped.book = make(stepped.session.journal)
    except BaseException as error:
        _close(stepped, error)
        raise
    stepped.book.keep(stepped.session.place, lambda: _close(stepped))
    return stepped.book


def _begin(params: HostParams, path: str, notebook: str, steps: dict[str, Step]) -> _Stepped:
    from runbook.evidence import session
    from runbook.evidence.cells import Cells
    from runbook.evidence.outcomes import StepEnd
    from runbook.evidence.record import NotebookRecord

    ends = [StepEnd(name, step.TITLE) for name, step in steps.items()]
    entry = NotebookRecord(notebook, notebook, steps=ends, note=NOTE)
    stepped = _Stepped(params, session.begin(params, path, entry, reports()), Cells())
    _OPEN[params.host] = stepped
    return stepped


def _close(stepped: _Stepped, error: BaseException | None = None) -> Run:
    """Look at the host once more if it was changed, archive the notebook as far as it is known, and end the run.

    When the report cannot be written the run stays open, to be closed again.
    """
    from runbook.engine.journal import read
    from runbook.evidence import drift, stepped_notebook

    session = stepped.session
    lines = read(session.place / "journal.jsonl")
    if error is None:
        try:
            has_changed = any(line.get("status") == "changed" for line in lines)
            drift.last_look(stepped.params, session.place, everything=has_changed)
        except RunbookError as why:
            log.warning("the last look at the host failed: %s", why)
    stepped_notebook.keep(session, stepped.cells)
    run = session.close(error)
    stepped.cells.stop()
    _OPEN.pop(stepped.params.host, None)
    return run
