"""How a cell ended: its status, and the error that says so."""

from __future__ import annotations

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from runbook.evidence.ledger import Status
from runbook.redaction import KNOWN


class CancelledCell(RuntimeError):
    """A cell was given up: its kernel neither answered nor died."""


def verdict(
    index: int, cell: NotebookNode, reason: str, cause: BaseException | None, timeout_s: float | None
) -> tuple[Status, BaseException | None]:
    """Return the status of a cell and the error to raise, None when it completed."""
    where = f"in cell {cell.id}"
    if reason == "timed-out":
        return "timed-out", CellTimeoutError(f"The cell took longer than {timeout_s:g} s, {where}")
    if cause is None:
        return "completed", None
    name = getattr(cause, "ename", "")
    if reason == "interrupted" or name == "KeyboardInterrupt":
        return "killed", KeyboardInterrupt(f"Interrupted {where}")
    if isinstance(cause, DeadKernelError):
        return "killed", DeadKernelError(f"The kernel died {where}")
    if isinstance(cause, CellExecutionError):
        traceback = next((list(o.traceback) for o in cell.outputs if o.output_type == "error"), [])
        status: Status = "timed-out" if name == "TimedOut" else "failed"
        count, source = cell.execution_count, cell.source
        return status, PapermillExecutionError(
            index, count, source, name, KNOWN.text(cause.evalue), traceback
        )
    return "failed", cause
