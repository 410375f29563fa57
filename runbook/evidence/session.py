"""A run of one notebook that the process which carries it out keeps itself: opened before the first act, closed after the last."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runbook import params as parameters
from runbook.controller.signals import watching
from runbook.engine.journal import Journal, read
from runbook.errors import RunbookError
from runbook.evidence import abandoned, archive, notices
from runbook.evidence.outcomes import GOOD, INTERRUPTED, Failure, StepEnd, step_ends, stopped_by_steps
from runbook.evidence.provenance import new_record
from runbook.evidence.record import NotebookRecord, Run, RunRecord
from runbook.params import HostParams
from runbook.params.secrets import mask_known_secrets


class Session:
    """One run under way. As long as its process lives, nobody else takes it for left behind."""

    def __init__(self, place: Path, record: RunRecord, held: ExitStack, params: HostParams) -> None:
        """`held` is let go of when the run has ended, and those whom the parameters name are told."""
        self.place, self.record, self._held, self._params = place, record, held, params
        self.entry = record.notebooks[0]
        self.journal = Journal(place / "journal.jsonl")
        self._began = time.monotonic()

    def close(self, error: BaseException | None = None) -> Run:
        """Archive and attest the run, and return it. How each step ended is what the journal says.

        `error` is what ended it early. Without one it has completed when all of its steps ended well.
        Raises `RunbookError` when the report cannot be written; then it is still open.
        """
        record, entry = self.record, self.entry
        entry.steps = step_ends(read(self.place / "journal.jsonl"), entry.name,
                                [(end.step, end.title) for end in entry.steps])  # fmt: skip
        entry.seconds = round(time.monotonic() - self._began, 3)
        record.failure = _failure(entry, error)
        failure = record.failure
        record.close(*((failure.status, failure.exit_code) if failure else ("completed", 0)))
        entry.status = record.outcome
        # Half sealed, a report looks like an altered one.
        with watching() as stops, stops.deferred():
            archive.close(self.place, record)
        self._held.close()
        told = notices.tell(self._params, self.place, record.as_dict())
        return Run(self.place, record, told.unsent, told.sent)


def begin(
    params: HostParams, path: str | Path, entry: NotebookRecord, reports: Path, mode: str = "apply"
) -> Session:
    """Return a new run of a host, which has begun. `params` is what stands in the file `path`.

    Runs of the host that were left behind are settled first. Raises `ParamsError` for a signing key that could not
    sign, `RunbookError` when the report cannot be written.
    """
    mask_known_secrets(params)
    reports = reports.absolute()
    abandoned.finish_orphans(reports, params.host)
    entry.status = "running"
    record = new_record(params, path, mode, reports)
    record.notebooks.append(entry)
    held = ExitStack()
    place = held.enter_context(abandoned.begun(reports, record, parameters.file_of(path)))
    return Session(place, record, held, params)


@contextmanager
def kept(
    params: HostParams, path: str | Path, notebook: str, steps: Sequence[tuple[str, str]], reports: Path
) -> Iterator[Session]:
    """Keep a run in mode apply with these steps (name, title) around what a command does; then it is archived.

    A polite kill and a closed terminal end the command as Ctrl-C does: with its report written.
    """
    entry = NotebookRecord(notebook, "By command line", steps=[StepEnd(*step) for step in steps])
    with watching() as stops, stops.deferred():
        session = begin(params, path, entry, reports)
        try:
            with stops.interruptible():
                yield session
            stops.go_on()
        except BaseException as error:
            session.close(error)
            raise
        session.close()
        stops.answer()  # the last word is written; what came meanwhile changes it no more


def _failure(entry: NotebookRecord, error: BaseException | None) -> Failure | None:
    if error is not None:
        status, code = ("failed", 1) if isinstance(error, Exception) else ("killed", INTERRUPTED)
        if isinstance(error, RunbookError):
            status, code = error.status, error.exit_code
        return Failure(entry.name, "", type(error).__name__, str(error), status, code)
    if bad := stopped_by_steps(entry.steps):
        names = ", ".join(f"{end.step} ({end.status})" for end in entry.steps if end.status not in GOOD)
        return Failure(entry.name, "", "StepFailed", f"these steps did not end well: {names}", *bad)
    return None
