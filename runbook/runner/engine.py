"""A papermill engine that tells the truth on the worst day: `papermill --engine runbook in.ipynb out.ipynb`.

papermill's own engine records a killed kernel, a time-out and Ctrl-C as `completed`, for the cell
that was running and for every cell that never ran; takes `sys.exit(0)` in a cell for success; and writes
the whole notebook twice for each cell. This one does none of that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbclient.util import run_sync
from nbformat import NotebookNode
from papermill.engines import Engine

from runbook.runner.execution import Execution
from runbook.runner.options import Options


class HonestEngine(Engine):  # type: ignore[misc]
    """Runs the cells in order until one does not complete; says what became of each."""

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        autosave_cell_every: int = 30,  # noqa: ARG003 - papermill's command line always sends it
        **options: Any,
    ) -> NotebookNode:
        """Return the executed notebook, saved; without its cells when it was saved to the option `save_to`.

        Raises `PapermillExecutionError` when a cell failed, `CellTimeoutError`, `DeadKernelError`
        when the kernel died, `KeyboardInterrupt`: each after the notebook was saved. Saves every 5 s
        (`save_every_s`), whatever `autosave_cell_every` says.
        """
        chosen = Options(**options)
        path = chosen.save_to or (Path(output_path) if output_path and output_path != "-" else None)
        run_sync(Execution(nb, kernel_name, path, bool(progress_bar), chosen).run)()
        # papermill would make its text once more, and with `save_to` put it nowhere.
        return nb if chosen.save_to is None else NotebookNode({**nb, "cells": []})  # type: ignore[no-untyped-call]
