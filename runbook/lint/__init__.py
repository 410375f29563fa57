"""The rules of a notebook, for this project's own and for anybody's: what is wrong, where, why, the next move.

Not looked at, because only a reader can judge it: whether the prose gives the reason, and whether a notebook
ends at a restart and the next one begins by proving that the host came back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook.errors import ParamsError
from runbook.lint import cells, form, shape
from runbook.lint.notebook import Notebook, Wrong

Rule = Callable[[Notebook, str], Iterator[Wrong]]
RULES: tuple[Rule, ...] = (
    form.is_a_small_valid_file,
    form.carries_its_outputs,
    shape.has_a_name_in_order,
    shape.has_the_fixed_shape,
    shape.has_one_parameters_cell,
    shape.applies_what_it_planned,
    shape.has_the_steps_in_order,
    cells.has_ids_of_words,
    cells.has_tags_and_ids_that_fit,
    cells.has_prose_before_code,
    cells.tells_then_and_now,
    cells.has_plain_cells,
)
"""Each returns what is wrong with a notebook of a name. After a finding of the first, the others are not asked."""


@dataclass(frozen=True)
class Complaint:
    """One rule that a notebook breaks. `cell` is a cell's id, '' for the notebook as a whole."""

    notebook: str
    cell: str
    rule: str
    why: str
    do: str

    def __str__(self) -> str:
        place = f"{self.notebook}, cell {self.cell}" if self.cell else self.notebook
        return f"{place}: {self.why}\n  do: {self.do}"


def lint(path: Path) -> list[Complaint]:
    """Return what is wrong with a notebook file, nothing when all is well.

    Raises `ParamsError` for a file that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(
            f"Cannot read the notebook {path}", why=str(error), do="give the path of a notebook"
        ) from None
    try:
        notebook = json.loads(text)
    except ValueError as error:
        return [_complaint(path, "is_a_small_valid_file", Wrong("", f"it is not JSON: {error}", form.AGAIN))]
    first, *others = RULES
    found = [_complaint(path, first.__name__, wrong) for wrong in first(notebook, path.stem)]
    if found:
        return found
    found += [
        _complaint(path, rule.__name__, wrong) for rule in others for wrong in rule(notebook, path.stem)
    ]
    return found + [
        _complaint(path, form.is_written_one_way.__name__, w) for w in form.is_written_one_way(text)
    ]


def _complaint(path: Path, rule: str, wrong: Wrong) -> Complaint:
    return Complaint(str(path), wrong.cell, rule, wrong.why, wrong.do)
