"""Which notebooks a run takes, and in what order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat

from runbook import steps
from runbook.controller.project import MAKE, PATTERN
from runbook.errors import ParamsError, RunbookError
from runbook.text.nearest import nearest

FLEET = "fleet.ipynb"
"""The notebook about many hosts, which reads their reports."""


def select(folder: Path, only: str | None = None, start: str | None = None) -> list[Path]:
    """Return the notebooks to run, in order, as `choose` does."""
    return choose(folder, only, start)[0]


def choose(folder: Path, only: str | None = None, start: str | None = None) -> tuple[list[Path], str]:
    """Return the notebooks to run, in order, and the one step that is meant of them; '' for all of their steps.

    `only` keeps one notebook, or one step; `start` drops the notebooks before it. Both take a notebook's name
    (`05_xen_installation`, or `xen_installation`), its number (`05` or `5`) or its beginning; `only` takes a step's name too.
    Raises `ParamsError`, with the nearest name, for a name that fits none or several.
    """
    found = sorted(folder.glob(PATTERN))
    if not found:
        raise RunbookError("There are no notebooks", where=str(folder), do=MAKE)
    if only and (home := homes().get(only)) and any(path.stem == home for path in found):
        return [path for path in found if path.stem == home], only
    if only:
        return [_named(only, found, homes())], ""
    return (found[found.index(_named(start, found)) :] if start else found), ""


def homes() -> dict[str, str]:
    """Return the notebook of each step, by the step's name."""
    return {steps.name_of(step): book for book, known in steps.notebooks().items() for step in known}


def prove_step(name: str) -> None:
    """Raise `ParamsError`, with the nearest name, for what is no step."""
    known = homes()
    if name not in known:
        do = nearest(name, known) or "the steps of a notebook are in its table: book.summary(), or a report"
        raise ParamsError(f"There is no step '{name}'", do=do)


def _named(name: str, found: list[Path], known_steps: Iterable[str] = ()) -> Path:
    stem = Path(name).name.removesuffix(".ipynb")
    stem = stem.zfill(2) if stem.isascii() and stem.isdigit() else stem
    exact = [path for path in found if stem in (path.stem, path.stem[3:])]
    near = exact or [path for path in found if path.stem.startswith(stem)] if stem else []
    if len(near) != 1:
        names = [path.stem for path in near or found]
        meant = "" if near else nearest(stem, [*known_steps, *names, *(name[3:] for name in names)])
        do = f"give one of: {', '.join(names)}" if near else f"give a number: {names[0]} to {names[-1]}"
        raise ParamsError(
            f"There is no notebook '{name}'" if not near else f"'{name}' fits several notebooks",
            do=" ".join(filter(None, (meant, do))),
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
