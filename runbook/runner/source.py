"""The committed notebooks: re-executed on the recorded host, the same to the byte every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from runbook.controller.atomic import write_atomic
from runbook.controller.project import PATTERN
from runbook.controller.signals import go_on, watching
from runbook.errors import RunbookError
from runbook.evidence.failures import last_words
from runbook.evidence.files import notebook_text, read_notebook
from runbook.runner.execution import Execution
from runbook.runner.options import Options
from runbook.runner.selection import FLEET


def refresh(folder: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Execute every notebook of a folder in place and return those whose file changed.

    Raises `RunbookError` that names the cell when one fails, `KeyboardInterrupt` when somebody asks to stop; its
    notebook then stays as it was.
    """
    changed = []
    for path in (*sorted(folder.glob(PATTERN)), *folder.glob(FLEET)):
        go_on()
        before = path.read_text(encoding="utf-8")
        after = execute(path)
        if after != before:
            with watching() as stops, stops.deferred():
                write_atomic(path, after)
            changed.append(path)
        say(f"{path.name}: {'changed' if after != before else 'the same'}")
    return changed


def execute(path: Path) -> str:
    """Return the text of a notebook file executed as it is committed: on the recorded host."""
    notebook = read_notebook(path)
    with TemporaryDirectory(prefix="runbook-kernel-") as own:
        _execute(notebook, path, Path(own) / "kernel.log")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        for when in ("papermill", "execution"):
            cell.metadata.pop(when, None)
    return notebook_text(notebook)


def _execute(notebook: NotebookNode, path: Path, kernel_log: Path) -> None:
    options = Options(cwd=path.parent, kernel_log=kernel_log)
    try:
        run_sync(Execution(notebook, "python3", None, False, options).run)()
    except PapermillExecutionError as error:
        raise RunbookError(
            f"{path.name} does not run on the recorded host",
            why=f"{error.ename}: {error.evalue}",
            do="correct the step, or make a new recording with `make record`",
        ) from None
    except DeadKernelError as error:
        raise RunbookError(
            f"The kernel of {path.name} died",
            why=f"{error}\n{last_words(kernel_log)}".strip(),
            do="correct what it names, then run it again",
        ) from None
