"""The notebooks that a rehearsal runs: all, or those until a step, and then that notebook's steps one by one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runbook.controller.project import PATTERN, project
from runbook.errors import ParamsError
from runbook.steps import Step, name_of
from runbook.steps import notebooks as all_notebooks


def steps(known: Mapping[str, Iterable[Step]], notebook: str) -> dict[str, Step]:
    """Return the steps of a notebook by name."""
    return {name_of(step): step for step in known.get(notebook, ())}


def home_of(step: str) -> str:
    """Return the notebook that has a step, '' for no step. Raises `ParamsError` for one that is none."""
    if not step:
        return ""
    known = all_notebooks()
    home = next((book for book in known if step in steps(known, book)), None)
    if home is None:
        raise ParamsError(
            f"There is no step '{step}'", do="the notebooks name them; `runbook plan --step` knows them, too"
        )
    return home


@contextmanager
def until(step: str) -> Iterator[tuple[Path | None, list[str]]]:
    """Yield a folder with the notebooks before the one that has a step, and that one's steps until it; it is gone afterwards.

    None stands for the project's own folder, and no steps behind that, where no step is named. Raises as `home_of` does.
    """
    home = home_of(step)
    if not home:
        yield None, []
        return
    names = list(steps(all_notebooks(), home))
    with tempfile.TemporaryDirectory(prefix="runbook-rehearsal-") as made:
        for path in sorted((project() / "notebooks").glob(PATTERN)):
            if path.stem < home:
                shutil.copy2(path, Path(made) / path.name)
        yield Path(made), names[: names.index(step) + 1]
