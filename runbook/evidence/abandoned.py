"""Runs whose runner died: told from those that are under way, and their record finished for them.

A runner holds a lock on its journal for as long as it lives; the kernel takes the lock away from
the dead. Nothing is guessed: how each step ended is read from the journal, which the run itself wrote.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from nbformat import NotebookNode

from runbook import plain
from runbook.atomic import write_atomic
from runbook.attestation import ledger
from runbook.attestation.closing import close_again
from runbook.attestation.entering import catch_up
from runbook.attestation.statement import NAME, contents
from runbook.errors import RunbookError
from runbook.evidence import archive
from runbook.evidence.failures import broken_cell
from runbook.evidence.files import notebook_text, read_notebook
from runbook.evidence.ledger import counts, runs
from runbook.evidence.outcomes import GOOD, Failure, StepEnd, standing, step_ends
from runbook.evidence.record import NotebookRecord, RunRecord
from runbook.journal import Line, read

log = logging.getLogger("runbook.evidence")
DIED, NEVER = "RunnerDied", "never-run"


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Hold the run of a folder, so that everybody sees that its runner lives."""
    with (place / "journal.jsonl").open("rb") as file:
        with suppress(OSError):  # a file system without locks: then nobody can tell, and all is left as it is
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


def settle(reports: Path, host: str = "*") -> list[RunRecord]:
    """Finish the reports of runs whose runner died, renew the lists, and return the records.

    A run that was signed and cut off in that moment says what it was about to say. Any other is `killed`, without an exit code, and attested without a signature: nobody saw its end, and
    who finishes it cannot vouch for what is in it. Where an attestation is, or was, nothing is written but the
    end of that closing: what is not as it was attested is for `verify` to tell. What cannot be written (a full
    disk, somebody else's folder) is left as it was, for the next time.
    """
    settled = []
    for path in sorted(reports.glob(f"{host}/*/run.json")):
        try:
            with _let_go(path.parent) as is_mine:
                content = plain.read_json(path)
                if content.get("outcome") != "running" or not is_mine:
                    continue
                if close_again(path.parent):
                    settled.append(RunRecord.from_dict(plain.read_json(path)))
                elif plain.is_there(path.with_name(NAME)) or ledger.has(reports, path.parent):
                    raise ValueError("it is attested, and not as it was: runbook report verify")
                else:
                    settled.append(_finish(path.parent, RunRecord.from_dict(content)))
        except (RunbookError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s stays as it is: %s", plain.shown(path), plain.shown(error))
    catch_up(reports)
    if settled:
        with suppress(OSError):
            archive.refresh(reports, *{record.host for record in settled})
    return settled


@contextmanager
def _let_go(place: Path) -> Iterator[bool]:
    """Say whether nobody holds a run, and hold it meanwhile: two who look at once do not both finish it."""
    with plain.opened(place / "journal.jsonl") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _finish(place: Path, record: RunRecord) -> RunRecord:
    lines = read(place / "journal.jsonl")
    last = next((entry for entry in record.notebooks if entry.status == "running"), None)
    cell = _last_seen(place, last, lines) if last else ""
    text = "the runner ended without a word: killed, without power, or with no place to write\n"
    text += "What cells printed in its last seconds may be missing in the notebook.\n"
    record.failure = Failure(last.name if last else "", cell, DIED, text + standing(lines), "killed", None)
    record.outcome = "killed"
    if last:
        last.html = _page(place, record, last)
    for name, _ in list(contents(place)):
        if fnmatch(Path(name).name, ".*.part"):
            (place / name).unlink()
    archive.seal(place, record, None)
    return record


def _last_seen(place: Path, entry: NotebookRecord, lines: list[Line]) -> str:
    """Give a notebook, its steps and its running cell the status that they ended with; return the cell's id."""
    entry.status = "killed"
    entry.steps = step_ends(lines, entry.name, [(end.step, end.title) for end in entry.steps])
    path = place / f"{entry.name}.ipynb"
    if not path.exists():
        return ""
    nb = read_notebook(path)
    _catch_up(nb, entry.steps)
    write_atomic(path, notebook_text(nb))
    entry.file, entry.cells = path.name, counts(nb)
    return broken_cell(path)


def _catch_up(nb: NotebookNode, steps: list[StepEnd]) -> None:
    """Bring a notebook that was last saved some seconds before its end up to what the journal knows.

    Cells run in order: what stands before a cell that began has completed. Only outputs are missing.
    """
    cells = [cell for cell in nb.cells if runs(cell)]
    ends = {
        i: end.status for i, c in enumerate(cells) for end in steps if f'.apply("{end.step}")' in c.source
    }
    begun = [i for i, c in enumerate(cells) if _status(c) != NEVER or ends.get(i, NEVER) != NEVER]
    last = begun[-1] if begun else -1
    for i, cell in enumerate(cells[: last + 1]):
        if _status(cell) in (NEVER, "running"):
            end = ends.get(i, "killed") if i == last else "changed"
            bad = "killed" if end in ("killed", NEVER) else "failed"
            status = "completed" if end in GOOD else bad
            cell.metadata["papermill"] = {**cell.metadata.get("papermill", {}), "status": status}


def _status(cell: NotebookNode) -> str:
    return str(cell.metadata.get("papermill", {}).get("status", NEVER))


def _page(place: Path, record: RunRecord, entry: NotebookRecord) -> str | None:
    with suppress(OSError, ValueError):
        return archive.notebook_page(place, record, entry, read_notebook(place / f"{entry.name}.ipynb"))
    return None
