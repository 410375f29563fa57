"""Run the notebooks of one host headless, one after the other, and archive what happened."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from runbook import params as parameters
from runbook import steps
from runbook.errors import ParamsError, RunbookError
from runbook.evidence import archive, selection
from runbook.evidence.ledger import counts
from runbook.evidence.outcomes import (
    INTERRUPTED,
    KERNEL_DIED,
    Failure,
    error_class,
    standing,
    step_ends,
    stopped_by_steps,
)
from runbook.evidence.provenance import provenance
from runbook.evidence.record import Event, NotebookRecord, Run, RunRecord
from runbook.journal import Line, Tail, read

MODES = ("auto", "plan", "apply", "check")
OnEvent = Callable[[Event], None]


def run(
    params_path: str | Path,
    mode: str = "auto",
    only: str | None = None,
    start: str | None = None,
    reports: Path = Path("reports"),
    on_event: OnEvent | None = None,
    *,
    notebooks: Path | None = None,
) -> Run:
    """Return the run of a host's notebooks: all in order, `only` one, or those from `start` on.

    Stops at the first notebook that does not complete. Whatever happens, also Ctrl-C and a killed
    kernel, comes back as a `Run` with its exit code, its report written to
    `reports/<host>/<utc>-<id>/`.

    Raises `ParamsError` for wrong parameters, mode or notebook, before anything was started.
    """
    if mode not in MODES:
        raise ParamsError(f"'{mode}' is not a mode", do="use one of " + ", ".join(MODES))
    file = parameters.find(params_path)
    asked = parameters.load(file)
    folder = notebooks or selection.project() / "notebooks"
    chosen = selection.select(folder, only, start)
    begun = datetime.now(UTC)
    record = RunRecord(
        id=f"{begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        host=asked.host,
        release=asked.release,
        connection=asked.connection.kind,
        mode=mode,
        params={"path": str(params_path), "digest": parameters.digest(asked)},
        made_with=provenance(),
    )
    place = archive.create(Path(reports).absolute(), record, file)
    return _Runner(record, place, file, chosen, on_event).run()


class _Runner:
    """One run under way."""

    def __init__(
        self, record: RunRecord, place: Path, params: Path, chosen: list[Path], on_event: OnEvent | None
    ) -> None:
        self.record, self.place, self.params, self.chosen = record, place, params, chosen
        self._on_event = on_event
        self._tail = Tail(place / "journal.jsonl")
        known = steps.notebooks()
        self._steps = {
            path.stem: [(steps.name_of(step), step.TITLE) for step in known.get(path.stem, ())]
            for path in chosen
        }

    def run(self) -> Run:
        with _interruptible():
            try:
                self._prepare()
                for i, path in enumerate(self.chosen):
                    self._notebook(i, path)
                    if self.record.failure:
                        break
            except KeyboardInterrupt:
                self._fail("", "", "Interrupted", "between two notebooks", "killed", INTERRUPTED)
            finally:
                self._close()
        return Run(self.place, self.record)

    def _prepare(self) -> None:
        """List every notebook as never-run and put that on the disk before the first kernel starts."""
        for path in self.chosen:
            nb = nbformat.read(path, as_version=4)
            selection.prove_parameters(nb, path.stem)
            title = selection.title_of(nb, path.stem)
            ends = step_ends([], path.stem, self._steps[path.stem])
            self.record.notebooks.append(NotebookRecord(path.stem, title, steps=ends))
        archive.save(self.place, self.record)

    def _notebook(self, index: int, path: Path) -> None:
        name, entry = path.stem, self.record.notebooks[index]
        place = f"{index + 1}/{len(self.chosen)}"
        began = time.monotonic()
        entry.status = "running"
        archive.save(self.place, self.record)
        self._tell(Event("notebook-begin", name, text=entry.title, place=place))
        output = self.place / path.name
        try:
            self._execute(path, output)
            entry.status = "completed"
        except (Exception, KeyboardInterrupt) as error:
            self._fail(name, *self._explain(error, output))
            entry.status = self.record.failure.status if self.record.failure else "failed"
        entry.seconds = round(time.monotonic() - began, 3)
        self._follow()
        lines = read(self.place / "journal.jsonl")
        entry.steps = step_ends(lines, name, self._steps[name])
        self._judge(entry)
        if output.exists():
            nb = nbformat.read(output, as_version=4)
            entry.file, entry.cells = output.name, counts(nb)
            entry.html = archive.notebook_page(self.place, self.record, entry, nb)
        archive.save(self.place, self.record)
        self._tell(
            Event("notebook-end", name, entry.title, status=entry.status, seconds=entry.seconds, place=place)
        )

    def _execute(self, path: Path, output: Path) -> None:
        env = {"RUNBOOK_RUN_DIR": str(self.place), "RUNBOOK_NOTEBOOK": path.stem}
        papermill.execute_notebook(
            path,
            None,
            parameters={"params": str(self.params), "mode": self.record.mode},
            engine_name="runbook",
            progress_bar=False,
            save_to=output,
            env=env,
            cwd=path.parent.parent,
            kernel_log=self.place / "kernel.log",
            on_output=lambda text: self._tell(Event("output", path.stem, text=text)),
            on_tick=self._follow,
        )

    def _explain(self, error: BaseException, output: Path) -> tuple[str, str, str, str, int]:
        """Return cell, name, message, status and exit code of what ended a notebook."""
        cell = _broken_cell(output)
        name, text = type(error).__name__, str(error)
        if isinstance(error, KeyboardInterrupt):
            return cell, "Interrupted", standing(read(self.place / "journal.jsonl")), "killed", INTERRUPTED
        if isinstance(error, DeadKernelError):
            hint = f"{text}\n{standing(read(self.place / 'journal.jsonl'))}"
            return cell, "KernelDied", hint, "killed", KERNEL_DIED
        if isinstance(error, CellTimeoutError):
            return cell, "TimedOut", text, "timed-out", 6
        if isinstance(error, PapermillExecutionError):
            name, text = error.ename, error.evalue or "it gave no message"
        kind = type(error) if isinstance(error, RunbookError) else error_class(name)
        status = kind.status if kind else "failed"
        return cell, name, text, status, kind.exit_code if kind else 1

    def _judge(self, entry: NotebookRecord) -> None:
        """Let no notebook count as completed when one of its steps did not end well."""
        bad = stopped_by_steps(entry.steps)
        if self.record.failure is None and bad:
            entry.status, code = bad
            names = ", ".join(end.step for end in entry.steps if end.status == entry.status)
            text = f"no cell raised an error, but the journal says {entry.status} of: {names}"
            self._fail(entry.name, "", "StepFailed", text, entry.status, code)

    def _fail(self, notebook: str, cell: str, name: str, message: str, status: str, code: int) -> None:
        if self.record.failure is None:
            self.record.failure = Failure(notebook, cell, name, message, status, code)

    def _close(self) -> None:
        failure = self.record.failure
        if failure is None and all(entry.status == "completed" for entry in self.record.notebooks):
            self.record.close("completed", 0)
        else:
            self.record.close(*((failure.status, failure.exit_code) if failure else ("failed", 1)))
        archive.close(self.place, self.record)

    def _follow(self) -> None:
        for line in self._tail.new():
            if line["event"] in ("step-begin", "step-end", "action-begin"):
                self._tell(_event_of(line))

    def _tell(self, event: Event) -> None:
        """Tell the listener; one that fails (a closed terminal) is not told again, and stops nothing."""
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                self._on_event = None


def _event_of(line: Line) -> Event:
    return Event(
        str(line["event"]),
        str(line.get("notebook")),
        step=str(line.get("step")),
        text=str(line.get("message") or line.get("title") or ""),
        status=str(line.get("status") or ""),
    )


def _broken_cell(output: Path) -> str:
    """Return the id of the cell that did not complete, '' when no cell was running."""
    with suppress(OSError, ValueError):
        for cell in nbformat.read(output, as_version=4).cells:
            status: Any = cell.metadata.get("papermill", {}).get("status", "completed")
            if status not in ("completed", "never-run"):
                return str(cell.id)
    return ""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make a polite kill and a closed terminal end a run as Ctrl-C does: with its report written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) is not signal.SIG_IGN]
    before = {sig: signal.signal(sig, signal.default_int_handler) for sig in wanted}
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
