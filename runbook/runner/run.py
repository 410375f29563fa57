"""Run the notebooks of one host headless, one after the other, and archive what happened."""

from __future__ import annotations

from pathlib import Path

from runbook import params as parameters
from runbook import steps
from runbook.controller.project import project
from runbook.controller.signals import watching
from runbook.engine import gates
from runbook.errors import ParamsError
from runbook.evidence import abandoned, finished
from runbook.evidence.files import read_notebook, title_of
from runbook.evidence.outcomes import (
    StepEnd,
)
from runbook.evidence.provenance import new_record
from runbook.evidence.record import NotebookRecord, Run
from runbook.hosts import prepare
from runbook.model.modes import MODES
from runbook.runner import approved, selection
from runbook.runner.telling import OnEvent
from runbook.runner.under_way import Runner

__all__ = ["Run", "run"]


def run(
    params_path: str | Path,
    mode: str = "auto",
    only: str | None = None,
    start: str | None = None,
    reports: Path = Path("reports"),
    on_event: OnEvent | None = None,
    *,
    notebooks: Path | None = None,
    strict: bool = False,
    sockets: Path | None = None,
    capture: Path | None = None,
    change: str = "",
    approval: Path | None = None,
    upgrades: str = "",
) -> Run:
    """Return the run of a host's notebooks: all in order, `only` one notebook or step, or those from `start` on.

    Stops at the first notebook that does not complete; a plan goes on after a step that would refuse, and ends as
    `refused`; mode `check` goes on after a check that failed, and says what changed since the last good report (`strict`: a change fails the run). `sockets` is a folder in which
    the kernels listen, instead of on ports. `capture` is a capture's folder in place of the host. Whatever happens, also Ctrl-C and a killed
    kernel, comes back as a `Run` with its exit code, its report written to
    `reports/<host>/<utc>-<id>/`. `change` is the number of the change, for the report; `approval` the file with
    somebody else's word for the plan (`runbook.attestation.approval`), which must hold before anything is started.
    `upgrades` is what `management.upgrades` is for this once.

    Raises `ParamsError` for wrong parameters, mode or notebook, before anything was started, and `KeyboardInterrupt`
    when somebody asked to stop by then.
    """
    with watching() as stops:
        with stops.interruptible():
            chosen = (only, start, notebooks)
            runner = _prepared(
                params_path, mode, chosen, Path(reports).absolute(), capture, approval, upgrades
            )
            runner.record.change = change or runner.record.change
        # From here on a signal is noted, and everything that begins asks for it: whatever is written becomes whole.
        with stops.deferred():
            return runner.run(stops, on_event, strict=strict, sockets=sockets)


def _prepared(
    params_path: str | Path,
    mode: str,
    chosen: tuple[str | None, str | None, Path | None],
    reports: Path,
    capture: Path | None,
    approval: Path | None,
    upgrades: str,
) -> Runner:
    """Return the run, with all that can be wrong with what was asked for looked at, and nothing written."""
    if mode not in MODES:
        raise ParamsError(f"'{mode}' is not a mode", do="use one of " + ", ".join(MODES))
    file = parameters.file_of(params_path)
    as_written = parameters.load(file)
    params = parameters.on_capture(as_written, capture and capture.absolute())
    params = parameters.with_upgrades(finished.after_a_run(params, mode, reports), upgrades)
    gates.require_machine(params, mode)
    agreed = approved.require(approval, as_written, mode)
    prepare(params)
    only, start, notebooks = chosen
    paths, step = selection.choose(notebooks or project() / "notebooks", only, start)
    books = {path: read_notebook(path) for path in paths}
    for path, nb in books.items():
        selection.prove_parameters(nb, path.stem)
    abandoned.finish_orphans(reports, params.host)
    record = new_record(params, params_path if Path(params_path).suffix else file, mode, reports)
    record.params["digest"] = parameters.digest(as_written)
    known = steps.notebooks()
    for path, nb in books.items():
        ends = [StepEnd(steps.name_of(step), step.TITLE) for step in known.get(path.stem, ())]
        record.notebooks.append(NotebookRecord(path.stem, title_of(nb, path.stem), steps=ends))
    if step:
        record.notebooks[0].note = f"Of this notebook only the step {step} was meant."
    if agreed:
        record.approval, record.change = agreed.told, agreed.change
    return Runner(record, reports, file, list(books), params, step, agreed, upgrades)
