"""Which notebooks a run takes, and in what order."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from runbook.controller.project import MAKE, PATTERN
from runbook.errors import ParamsError, RunbookError

FLEET = "fleet.ipynb"
"""The notebook about many hosts, which reads their reports."""


def select(folder: Path, only: str | None = None, start: str | None = None) -> list[Path]:
    """Return the notebooks to run, in order.

    `only` keeps one, `start` drops those before it; both take a name (`05_xen_installation`), its
    number (`05`) or its beginning. Raises `ParamsError` for a name that fits none or several.
    """
    found = sorted(folder.glob(PATTERN))
    if not found:
        raise RunbookError("There are no notebooks", where=str(folder), do=MAKE)
    if only:
        return [_named(only, found)]
    return found[found.index(_named(start, found)) :] if start else found


def _named(name: str, found: list[Path]) -> Path:
    stem = Path(name).name.removesuffix(".ipynb")
    exact = [path for path in found if path.stem == stem]
    near = exact or [path for path in found if path.stem.startswith(stem)] if stem else []
    if len(near) != 1:
        raise ParamsError(
            f"There is no notebook '{name}'" if not near else f"'{name}' fits several notebooks",
            do="give one of: " + ", ".join(path.stem for path in near or found),
        )
    return near[0]


def prove_parameters(nb: nbformat.NotebookNode, name: str) -> None:
    """Raise `RunbookError` unless one cell tagged `parameters` sets `params` and `mode`.

    papermill only warns about a parameter that a notebook does not know, and then runs it with
    the default: on another host than the one that was asked for.
    """
    tagged = [cell.source for cell in nb.cells if "parameters" in cell.metadata.get("tags", [])]
    sets = [word for word in ("params", "mode") if re.search(rf"^{word}\b.*=", "\n".join(tagged), re.M)]
    if len(tagged) != 1 or len(sets) != 2:
        raise RunbookError(
            f"The notebook {name} cannot be given its parameters",
            why=f"it has {len(tagged)} cells tagged `parameters`; there must be one, setting params and mode",
            do="restore the notebook from its source",
        )
