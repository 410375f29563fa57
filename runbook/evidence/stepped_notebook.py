"""The notebook of a run that no runner carried out: found, and kept as far as its file is of this run.

A file that JupyterLab shows is saved now and then, and before that it holds what an earlier run, or the recorded
host, said. So an output is kept only when the file was saved after its very cell ended in this kernel. What
plain papermill writes is all of this run: it empties the notebook before the first cell.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from pathlib import Path

from nbformat import NotebookNode

from runbook.controller.atomic import write_atomic
from runbook.evidence import archive
from runbook.evidence.cells import Cells, Ran
from runbook.evidence.files import notebook_text, read_notebook, title_of
from runbook.evidence.ledger import counts, runs
from runbook.evidence.session import Session
from runbook.redaction import KNOWN

log = logging.getLogger("runbook.evidence")
LARGEST_MIB = 64
_NOT_FOUND = "; its file was not found, so this page is made from the journal alone"


def keep(session: Session, cells: Cells) -> None:
    """Put the notebook into the run's folder, with its page; the entry's `note` says what of it is missing.

    That there is none, or that it cannot be read, ends no run.
    """
    entry, note = session.entry, session.entry.note.partition(";")[0]
    found = _find(entry.name, cells)
    entry.note = note + _NOT_FOUND
    if found is None:
        return
    path, nb, is_papermills = found
    lost = _take_papermills(nb) if is_papermills else _take_own(nb, cells.ran, path.stat().st_mtime)
    missing = (
        f"; its file was saved last before {lost} of its cells ended, and has no output of them"
        if lost
        else ""
    )
    entry.note, entry.title = note + missing, title_of(nb, entry.name)
    text = KNOWN.text(notebook_text(nb))
    with suppress(OSError, ValueError):
        write_atomic(session.place / f"{entry.name}.ipynb", text)
        entry.file, entry.cells = f"{entry.name}.ipynb", counts(nb)
        entry.html = archive.notebook_page(
            session.place, session.record, entry, read_notebook(session.place / entry.file)
        )


def _find(name: str, cells: Cells) -> tuple[Path, NotebookNode, bool] | None:
    """Return the file, what is in it, and whether plain papermill is writing it (`papermill --inject-paths`)."""
    for told, is_papermills in (
        (cells.variable("PAPERMILL_OUTPUT_PATH"), True),
        (os.environ.get("JPY_SESSION_NAME"), False),
    ):
        path = Path(str(told or ""))
        try:
            if path.suffix != ".ipynb" or not path.is_file() or path.stat().st_size > LARGEST_MIB << 20:
                continue
            nb = read_notebook(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("%s cannot be kept: %s", path, error)
            continue
        # A kernel may be at work for another notebook than the one that it was started for.
        opens = re.compile(rf"open_host\([^)]*notebook=[\"']{re.escape(name)}[\"']")
        if any(cell.cell_type == "code" and opens.search(cell.source) for cell in nb.cells):
            return path, nb, is_papermills
    return None


def _take_own(nb: NotebookNode, ran: dict[int, Ran], saved: float) -> int:
    """Leave in a notebook only what this kernel said; return how many cells have ended and lost their output."""
    lost = 0
    ended = {one.source: one for one in ran.values()}
    for cell in nb.cells:
        if not runs(cell):
            continue
        one = ran.get(cell.execution_count or 0)
        is_own = one is not None and one.source == cell.source and one.ended < saved
        last = ended.get(cell.source)
        if not is_own:
            lost += last is not None
            cell.outputs, cell.execution_count = [], None
        status = "never-run" if last is None else ("completed" if last.is_good else "failed")
        cell.metadata["papermill"] = {"status": status}
    return lost


def _take_papermills(nb: NotebookNode) -> int:
    """Give papermill's words for cells ours. The cell that closes the run is not over, and has said nothing."""
    ours = {"pending": "never-run", "running": "completed"}
    for cell in nb.cells:
        if runs(cell):
            mark = cell.metadata.get("papermill", {})
            cell.metadata["papermill"] = {**mark, "status": ours.get(mark.get("status"), mark.get("status"))}
    return 0
