"""A run under way: its notebooks one after the other, and its report, which is there from the beginning."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import papermill
from nbclient.util import run_sync
from nbformat import NotebookNode

from runbook.attestation import approval
from runbook.book import APPROVAL, CAPTURE, UPGRADES
from runbook.controller.atomic import write_atomic
from runbook.controller.signals import Stops
from runbook.drift.compare import counted
from runbook.engine.journal import read
from runbook.errors import ConsentMissing, RunbookError
from runbook.evidence import abandoned, archive, claims, drift, notebook_html, notices
from runbook.evidence.failures import failure_of
from runbook.evidence.files import notebook_text, read_notebook
from runbook.evidence.ledger import counts
from runbook.evidence.outcomes import INTERRUPTED, Failure, standing, step_ends
from runbook.evidence.record import Run, RunRecord
from runbook.hosts.shared import shared
from runbook.params import HostParams
from runbook.params.host import Captured
from runbook.runner.approved import Agreed
from runbook.runner.judging import judged
from runbook.runner.kernel import Spare
from runbook.runner.telling import OnEvent, Teller

GOES_ON = ("CheckFailed", "Refused", "StepFailed")
"""After these a check looks at the other notebooks too: it changes nothing, and all that is wrong is to be said."""
_PATIENCE_S = 300
"""How long a kernel may take to answer first: one that died is seen at once, and on a busy machine its imports take minutes."""
FIRST = ("IPython.paths", "multiprocessing.synchronize", "tqdm.auto")
"""What a run needs early (jupyter_client, tqdm) and the pages too, so that it is imported before there are two threads.

Of a package that both begin importlib may hand out a half to either, rather than wait for a thread that waits for it.
"""
log = logging.getLogger("runbook.evidence")


class Runner:
    """One run under way."""

    def __init__(
        self, record: RunRecord, reports: Path, params: Path, chosen: list[Path], host_params: HostParams,
        step: str = "", agreed: Agreed | None = None, upgrades: str = "",
    ) -> None:  # fmt: skip
        """`step` is the one that is meant of the one notebook that is chosen, '' for all; `agreed` is somebody else's word."""
        self._agreed, self._upgrades = agreed, upgrades
        connection = host_params.connection
        self._capture = connection.folder if isinstance(connection, Captured) else ""
        self._host_params, self.record, self.params, self.chosen = host_params, record, params, chosen
        self._reports = reports
        self._spare = Spare()
        self._warm = threading.Thread(target=notebook_html.warm_up, daemon=True)
        self._step = step
        self._left_out = [
            end for book in record.notebooks for end in book.steps if step not in ("", end.step)
        ]
        for book in record.notebooks:
            book.steps = [end for end in book.steps if end not in self._left_out]
        self._steps = {book.name: [(end.step, end.title) for end in book.steps] for book in record.notebooks}

    def run(self, stops: Stops, on_event: OnEvent | None, *, strict: bool, sockets: Path | None) -> Run:
        """Run the notebooks; the report is there, every notebook in it never-run, before the first kernel starts."""
        self._stops, self._strict, self._sockets = stops, strict, sockets
        with (
            abandoned.begun(self._reports, self.record, self.params) as self.place,
            shared(self._host_params) as self._line,
        ):
            self._teller = Teller(self.place / "journal.jsonl", on_event)
            named = {name: [step for step, _ in found] for name, found in self._steps.items()}
            self._teller.tell(event="run-begin", mode=self.record.mode, folder=str(self.place), steps=named)
            self._notebooks()
        told = notices.tell(self._host_params, self.place, self.record.as_dict())
        return Run(self.place, self.record, told.unsent, told.sent)

    def _notebooks(self) -> None:
        try:
            for name in FIRST:
                import_module(name)
            if self._agreed:
                self._agreed.keep(self.place)
                names = [path.stem for path in self.chosen]
                with self._stops.interruptible():
                    self._agreed.prove_unchanged(self._host_params, names, self._line)
            self._warm.start()  # the first kernel takes its time to start, and this process has nothing to do
            for i, path in enumerate(self.chosen):
                self._stops.go_on()
                failure = self._notebook(i, path)
                if failure and not self._goes_on(failure):
                    # What ended the run is its failure; what a check had found before is named too.
                    self.record.failure = failure
                    break
            self._look_back()
            if self.record.failure is None:
                self._stops.go_on()
        except KeyboardInterrupt:
            text = "no cell was running\n" + standing(read(self.place / "journal.jsonl"))
            self.record.failure = Failure("", "", "Interrupted", text, "killed", INTERRUPTED)
        except ConsentMissing as error:  # what was approved is not what would be done: nothing was begun
            self.record.failure = Failure("", "", "ConsentMissing", str(error), error.status, error.exit_code)
        except Exception as error:  # the caller hears it, and the report must not say that all went well
            self.record.failure = Failure("", "", type(error).__name__, str(error), "failed", 1)
            raise
        finally:
            run_sync(self._spare.close)()
            self._close()

    def _goes_on(self, failure: Failure) -> bool:
        """Return whether the notebooks after a failure are looked at: by a check, and by a plan that would refuse."""
        is_plan = failure.name == "Refused" and any(
            end.stops for book in self.record.notebooks if book.name == failure.notebook for end in book.steps
        )
        return is_plan or (self.record.mode == "check" and failure.name in GOES_ON)

    def _notebook(self, index: int, path: Path) -> Failure | None:
        name, entry = path.stem, self.record.notebooks[index]
        place = f"{index + 1}/{len(self.chosen)}"
        began = time.monotonic()
        entry.status = "running"
        archive.save(self.place, self.record)
        self._teller.tell(event="notebook-begin", notebook=name, title=entry.title, place=place)
        output, failure = self.place / path.name, None
        saved: list[NotebookNode] = []
        try:
            self._execute(path, output, saved.append)
            entry.status = "completed"
        except (Exception, KeyboardInterrupt) as error:
            failure = failure_of(error, name, output)
            # A signal may come when its last cell has ended: this notebook is complete, and the run is not.
            is_whole = failure.name == "Interrupted" and saved and set(counts(saved[0])) == {"completed"}
            entry.status = "completed" if is_whole else failure.status
        entry.seconds = round(time.monotonic() - began, 3)
        self._teller.follow()
        lines = read(self.place / "journal.jsonl")
        entry.steps = step_ends(lines, name, self._steps[name])
        failure = failure or judged(entry)
        self.record.failure = self.record.failure or failure
        if output.exists():
            nb = saved[0] if saved else read_notebook(output)
            if claims.withhold(nb, [*entry.steps, *self._left_out]):
                write_atomic(output, notebook_text(nb))
            entry.file, entry.cells = output.name, counts(nb)
            self._warm.join()
            entry.html = archive.notebook_page(self.place, self.record, entry, nb)
        archive.save(self.place, self.record)
        ended = {"title": entry.title, "status": entry.status, "seconds": entry.seconds, "place": place}
        self._teller.tell(event="notebook-end", notebook=name, **ended)
        return failure

    def _execute(self, path: Path, output: Path, on_saved: Callable[[NotebookNode], None]) -> None:
        following = self.chosen[self.chosen.index(path) + 1 :]
        project = path.parent.parent
        papermill.execute_notebook(
            _short(path, Path.cwd()),
            None,
            parameters={"params": _short(self.params, project), "mode": self.record.mode},
            engine_name="runbook",
            progress_bar=False,
            start_timeout=_PATIENCE_S,
            save_to=output,
            only_step=self._step,
            env=self._environment(path),
            spare=self._spare,
            next_env=self._environment(following[0]) if following else None,
            cwd=project,
            kernel_log=self.place / "kernel.log",
            sockets=self._sockets,
            on_output=lambda text: self._teller.hear(path.stem, text),
            on_tick=self._teller.follow,
            on_interrupt=lambda: self._teller.tell(event="interrupt", notebook=path.stem),
            on_saved=on_saved,
        )

    def _environment(self, path: Path) -> dict[str, str]:
        """Return what the kernel of a notebook finds in its environment."""
        return {"RUNBOOK_RUN_DIR": str(self.place), "RUNBOOK_NOTEBOOK": path.stem,
                "RUNBOOK_PARAMS_DIGEST": str(self.record.params["digest"]),
                CAPTURE: self._capture,
                UPGRADES: self._upgrades,
                APPROVAL: str(self.place / approval.NAME) if self._agreed else "",
                **(self._line.environment() if self._line else {})}  # fmt: skip

    def _look_back(self) -> None:
        """Keep what the finished host looks like; in mode check, say what changed since the last good report."""
        mode, failure = self.record.mode, self.record.failure
        if mode not in ("apply", "check") or (failure and failure.name not in GOES_ON):
            return
        has_changed = drift.changed(self.record.as_dict()["notebooks"])
        try:
            with self._stops.interruptible():
                drift.last_look(self._host_params, self.place, everything=has_changed, line=self._line)
        except RunbookError as error:
            log.warning("the last look at the host failed: %s", error)
        if mode != "check":
            return
        changes = drift.keep_changes(self._reports, self.record)["changes"]
        if changes and self._strict and failure is None:
            text = f"{counted(changes)} changed since the last good report, and --strict was asked for"
            self.record.failure = Failure("", "", "Drifted", text, "failed", 1)

    def _close(self) -> None:
        failure = self.record.failure
        for entry in self.record.notebooks:
            entry.status = "failed" if entry.status == "running" else entry.status
        if failure is None and all(entry.status == "completed" for entry in self.record.notebooks):
            self.record.close("completed", 0)
        else:
            self.record.close(*((failure.status, failure.exit_code) if failure else ("failed", 1)))
        self._stops.answer()  # the last word is said; what comes now changes it no more
        archive.close(self.place, self.record)


def _short(path: Path, base: Path) -> str:
    """Return a path as seen from a folder that holds it, so that a report reads the same anywhere."""
    return str(path.relative_to(base) if path.is_relative_to(base) else path)
