"""What happened to each cell, kept in the notebook itself and saved on a clock."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from nbformat import NotebookNode

from runbook.controller.atomic import write_atomic
from runbook.evidence.files import notebook_text

Status = Literal["never-run", "running", "completed", "failed", "timed-out", "killed"]
INJECTED = "injected-parameters"
SKIP = "skip-execution"
_MOMENT_S = 0.4


def runs(cell: NotebookNode) -> bool:
    """Return whether a cell is one that a kernel executes: prose and empty cells have no status."""
    return cell.cell_type == "code" and bool(cell.source.strip())


def counts(nb: NotebookNode) -> dict[str, int]:
    """Return how many cells of a notebook ended in which status."""
    statuses = (cell.metadata.get("papermill", {}).get("status") for cell in nb.cells if runs(cell))
    return dict(Counter(status or "never-run" for status in statuses))


class Ledger:
    """Gives every cell that a kernel executes one status, and puts the notebook on the disk.

    In the notebook: `metadata.papermill.status` is `never-run`, `running`, `completed`, `failed`,
    `timed-out` or `killed`. `running` is only seen in a file whose writer died with its kernel.
    """

    def __init__(self, nb: NotebookNode, path: Path | None, save_every_s: float) -> None:
        self.nb, self.path, self.save_every_s = nb, path, save_every_s
        self.saves = 0
        self._changed = True
        self._next_save = self._soonest = 0.0
        self._began = self._cell_began = 0.0
        self._unseen_since: float | None = None

    def begin(self) -> None:
        """Forget what an earlier run left in the notebook, and save."""
        self._began = time.monotonic()
        self._stamp(self.nb, start_time=_now(), end_time=None, duration=None, exception=None)
        for cell in self.nb.cells:
            cell.metadata.pop("papermill", None)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if INJECTED in cell.metadata.get("tags", []):
                cell.id = INJECTED
            if runs(cell):
                self._stamp(
                    cell,
                    start_time=None,
                    end_time=None,
                    duration=None,
                    exception=None,
                    status="never-run",
                )
        self.save()

    def cell_begins(self, cell: NotebookNode) -> None:
        self._cell_began = self._unseen_since = time.monotonic()
        self._stamp(cell, start_time=_now(), status="running", exception=False)

    def cell_ends(self, cell: NotebookNode, status: Status) -> None:
        """Record how a cell ended."""
        self._unseen_since = None
        self._end(cell, self._cell_began, exception=status != "completed", status=status)
        if status != "completed":
            self._stamp(self.nb, exception=True)

    def end(self) -> None:
        """Close the record and save. Raises `OSError` when the file cannot be written."""
        self._end(self.nb, self._began)
        self.save()

    def touch(self) -> None:
        """Note that something changed, so that the clock saves it."""
        self._changed = True

    def save_when_due(self) -> None:
        """Save when something changed and the last save was long enough ago.

        A cell that runs for longer than a moment is soon on the disk as `running`: it is what is
        left when everything dies. A full disk is not a reason to stop a step halfway: the next save tries again, and the
        last one, in `end`, raises.
        """
        now = time.monotonic()
        unseen = self._unseen_since is not None and now - self._unseen_since > _MOMENT_S
        if self._changed and now >= (self._soonest if unseen else self._next_save):
            try:
                self.save()
            except OSError:
                self._next_save = self._soonest = time.monotonic() + self.save_every_s

    def save(self) -> None:
        """Write the whole notebook. A big one is saved less often: at most a tenth of the time goes there."""
        began = time.monotonic()
        if self.path is not None:
            write_atomic(self.path, notebook_text(self.nb))
        ended = time.monotonic()
        self.saves += 1
        self._changed, self._unseen_since = False, None
        self._soonest = ended + 10 * (ended - began)
        self._next_save = max(self._soonest, ended + self.save_every_s)

    def _stamp(self, node: NotebookNode, **values: object) -> None:
        node.metadata["papermill"] = {**node.metadata.get("papermill", {}), **values}
        self._changed = True

    def _end(self, node: NotebookNode, began: float, **values: object) -> None:
        """Stamp an end. The duration is by a clock that nobody sets; start and end are the time of day."""
        self._stamp(node, end_time=_now(), duration=round(time.monotonic() - began, 6), **values)


def _now() -> str:
    return datetime.now(UTC).isoformat()
