"""The committed notebooks: re-executed on the recorded host, the same to the byte every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from runbook.atomic import write_atomic
from runbook.errors import RunbookError
from runbook.evidence.files import notebook_text, read_notebook
from runbook.evidence.selection import FLEET, PATTERN
from runbook.evidence.sockets import listening


def refresh(folder: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Execute every notebook of a folder in place and return those whose file changed.

    Raises `RunbookError` that names the cell when one fails; its notebook stays as it was.
    """
    changed = []
    for path in (*sorted(folder.glob(PATTERN)), *folder.glob(FLEET)):
        before = path.read_text(encoding="utf-8")
        after = execute(path)
        if after != before:
            write_atomic(path, after)
            changed.append(path)
        say(f"{path.name}: {'changed' if after != before else 'the same'}")
    return changed


def execute(path: Path) -> str:
    """Return the text of a notebook file executed as it is committed: on the recorded host."""
    notebook = read_notebook(path)
    place = {"metadata": {"path": str(path.parent)}}
    try:
        with listening() as config:
            NotebookClient(
                notebook, kernel_name="python3", record_timing=False, resources=place, config=config
            ).execute()
    except CellExecutionError as error:
        raise RunbookError(
            f"{path.name} does not run on the recorded host",
            why=f"{error.ename}: {error.evalue}",
            do="correct the step, or make a new recording with `make record`",
        ) from None
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook_text(notebook)
