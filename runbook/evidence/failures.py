"""From whatever ended a notebook to one clear reason with one exit code."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from runbook.engine.journal import read
from runbook.errors import RunbookError
from runbook.evidence.files import read_notebook
from runbook.evidence.outcomes import INTERRUPTED, KERNEL_DIED, Failure, error_class, standing


def failure_of(error: BaseException, notebook: str, output: Path) -> Failure:
    """Return why a notebook ended early. `output` is the executed notebook in the run's folder.

    A runbook error raised in a cell keeps its status and exit code; any other error is a failure.
    """
    cell = broken_cell(output)
    if isinstance(error, KeyboardInterrupt):
        return Failure(notebook, cell, "Interrupted", _standing(output), "killed", INTERRUPTED)
    if isinstance(error, DeadKernelError):
        reasons = (str(error), last_words(output.parent / "kernel.log"), _standing(output))
        return Failure(notebook, cell, "KernelDied", "\n".join(filter(None, reasons)), "killed", KERNEL_DIED)
    if isinstance(error, CellTimeoutError):
        return Failure(notebook, cell, "TimedOut", str(error), "timed-out", 6)
    name, text = type(error).__name__, str(error)
    if isinstance(error, PapermillExecutionError):
        name, text = error.ename, error.evalue or "it gave no message"
    kind = type(error) if isinstance(error, RunbookError) else error_class(name)
    status, code = (kind.status, kind.exit_code) if kind else ("failed", 1)
    return Failure(notebook, cell, name, text, status, code)


def broken_cell(output: Path) -> str:
    """Return the id of the cell that did not complete, '' when no cell was running."""
    with suppress(OSError, ValueError):
        for cell in read_notebook(output).cells:
            status = cell.metadata.get("papermill", {}).get("status", "completed")
            if status not in ("completed", "never-run"):
                return str(cell.id)
    return ""


def _standing(output: Path) -> str:
    return standing(read(output.parent / "journal.jsonl"))


def last_words(log: Path) -> str:
    """Return the end of what the kernel's process wrote, without its usual warning."""
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if "IPKernelApp] WARNING" not in line][-8:])
    return ""
