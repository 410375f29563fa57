"""Runs whose runner died: told from those that are under way, and their record finished for them.

A runner holds a lock on its journal for as long as it lives; the kernel takes the lock away from
the dead. Nothing is guessed: how each step ended is read from the journal, which the run itself wrote.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from nbformat import NotebookNode

from runbook import params as parameters
from runbook.attestation import ledger
from runbook.attestation.closing import close_again
from runbook.attestation.entering import catch_up
from runbook.attestation.places import PLANS, host_of, plans_in
from runbook.attestation.statement import NAME, PRUNED, RECORD, contents, runs_in
from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.controller.locks import let_go, locked
from runbook.engine.journal import Line, read
from runbook.errors import RunbookError
from runbook.evidence import archive, claims
from runbook.evidence.failures import broken_cell
from runbook.evidence.files import notebook_text, read_notebook
from runbook.evidence.ledger import counts, runs
from runbook.evidence.outcomes import GOOD, Failure, StepEnd, standing, step_ends
from runbook.evidence.record import NotebookRecord, RunRecord
from runbook.text.printable import printable

log = logging.getLogger("runbook.evidence")
DIED, NEVER, UNKNOWN = "RunnerDied", "never-run", "unknown"


@contextmanager
def begun(reports: Path, record: RunRecord, params: Path) -> Iterator[Path]:
    """Make the folder of a run and hold it; yield it. Raises what `archive.create` raises.

    Nobody can take the run for a dead one in between: who looks for those holds the host's folder for that moment too.
    """
    host = reports / record.host
    with ExitStack() as stack:
        archive.make_folder(host)
        with locked(host):
            place = archive.create(reports, record, params)
            stack.enter_context(held(place))
        yield place


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Hold the run of a folder, so that everybody sees that its runner lives."""
    with (place / "journal.jsonl").open("rb") as file:
        with suppress(OSError):  # a file system without locks: then nobody can tell, and all is left as it is
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


def finish_orphans(reports: Path, host: str = "*") -> list[RunRecord]:
    """Finish the reports of runs whose runner died, and of fleets, renew the lists, and return the runs' records.

    A run that was signed and cut off in that moment says what it was about to say. Any other is `killed`, without an exit code, and attested without a signature: nobody saw its end, and
    who finishes it cannot vouch for what is in it. Where an attestation is, or was, nothing is written but the
    end of that closing: what is not as it was attested is for `verify` to tell. What cannot be written (a full
    disk, somebody else's folder) is left as it was, for the next time.
    """
    from runbook.evidence.fleets.orphans import finish_fleets

    settled = []
    for folder in sorted(path for path in reports.glob(host) if path.is_dir() and not path.is_symlink()):
        for place in _unended(folder):
            try:
                if record := _settled(place):
                    settled.append(record)
            except (RunbookError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("%s stays as it is: %s", printable(place), printable(error))
    fleets = finish_fleets(reports)
    catch_up(reports)
    if settled or fleets:
        with suppress(OSError):
            archive.refresh(reports, *{record.host for record in settled})
    return settled


def _unended(folder: Path) -> list[Path]:
    """Return the runs of a host that may have no end yet; folders that were never finished being made go."""
    with suppress(OSError), locked(folder):
        for left in (*folder.glob(archive.UNMADE), *folder.glob(f"{PLANS}/{archive.UNMADE}")):
            shutil.rmtree(left, ignore_errors=True)  # nothing had begun, and it never was a run
    found = [*runs_in(folder), *plans_in(folder)]
    return [place for place in found if not place.is_symlink() and _is_open(place)]


def _is_open(place: Path) -> bool:
    """Return whether a run does not say that it ended. Of what cannot be read `verify` tells."""
    try:
        content = plain.read_json(place / RECORD)
    except FileNotFoundError:
        return not plain.is_there(place / NAME) and not plain.is_there(place / PRUNED)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("outcome") == "running"


def _settled(place: Path) -> RunRecord | None:
    """Finish one run; return its record, None when somebody holds it or has finished it meanwhile."""
    with _let_go(place) as is_mine:
        if not is_mine or not _is_open(place):
            return None
        if close_again(place):
            return _read(place)
        if plain.is_there(place / NAME) or ledger.has(host_of(place).parent, place):
            raise ValueError("it is attested, and not as it was: runbook report verify")
        return _finish(place, _read(place) if plain.is_there(place / RECORD) else _unrecorded(place))


def _read(place: Path) -> RunRecord:
    return RunRecord.from_dict(plain.read_json(place / RECORD))


def _unrecorded(place: Path) -> RunRecord:
    """Return a record of a run that was killed before it wrote one: only what its folder tells, the rest `unknown`."""
    record = RunRecord(
        id=place.name,
        host=host_of(place).name,
        release=UNKNOWN,
        connection=UNKNOWN,
        mode=UNKNOWN,
        params={"path": "params.yml", "digest": UNKNOWN},
        made_with={
            "source": {"commit": None, "dirty": None},
            "python": UNKNOWN,
            "controller": UNKNOWN,
            "packages": {},
        },
        started=f"{archive.begun_at(place.name):%Y-%m-%dT%H:%M:%S}.000Z",
    )
    with suppress(RunbookError, OSError):
        params = parameters.load(place / "params.yml")
        record.release, record.connection = params.release, params.connection.kind
        record.params["digest"] = parameters.digest(params)
    return record


def _let_go(place: Path) -> AbstractContextManager[bool]:
    """Say whether nobody holds a run, and hold it meanwhile."""
    journal = place / "journal.jsonl"
    who_makes_one = locked(host_of(place))  # has this until the run is held
    return let_go(journal if journal.exists() else place, who_makes_one)


def _finish(place: Path, record: RunRecord) -> RunRecord:
    lines = read(place / "journal.jsonl")
    last = next((entry for entry in record.notebooks if entry.status == "running"), None)
    cell = _last_seen(place, last, lines) if last else ""
    text = "the runner ended without a word: killed, without power, or with no place to write\n"
    text += "What cells printed in its last seconds may be missing in the notebook.\n"
    if last and last.note:
        text = "its kernel was closed or killed before book.summary(), which closes a run\n"
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
    claims.withhold(nb, entry.steps)
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
