"""The cells: named by words, one call of the book each, with prose before."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from runbook.lint.notebook import CALL, Notebook, Wrong, code_cells, source, tags

FORBIDDEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor,
             ast.While, ast.comprehension)  # fmt: skip
TOLD = ("In 2013", "**Now**", "**What to expect:**")
_CALLS = 'write book.plan("…"), book.apply("…"), book.show("…"), book.form(), book.status() or book.summary()'
NBVAL = {
    "nbval-ignore-output",
    "nbval-check-output",
    "nbval-raises-exception",
    "nbval-skip",
    "pytest-validate-ignore-output",
    "raises-exception",
}
"""Tags that nbval reads; what they ask for is the author's."""
_IN_PACKAGE = "move it into a step of the package; a cell calls the book"


def has_ids_of_words(nb: Notebook, name: str) -> Iterator[Wrong]:
    """Cell ids are words, and each is used once: a report traces a result to its source by them."""
    ids = [cell["id"] for cell in nb["cells"]]
    for id_, times in Counter(ids).items():
        if not re.fullmatch(r"[a-z]{2,}(-[a-z0-9]+)*", id_):
            yield Wrong(
                id_, "its id is not words", "call it like plan-hide-devices, in the file, and keep it so"
            )
        if times > 1:
            yield Wrong(id_, f"its id is used {times} times", "give each cell an id of its own")


def has_tags_and_ids_that_fit(nb: Notebook, name: str) -> Iterator[Wrong]:
    """A cell's id and tag follow from its call: `plan-hide-devices` is tagged `plan`."""
    for cell in code_cells(nb)[2:]:
        match = CALL.fullmatch(source(cell))
        if not match:
            why = f"it is not one call of the book: {source(cell)!r}"
            yield Wrong(cell["id"], why, _CALLS)
            continue
        verb, what = match[1] or match[3], match[2]
        wanted = [verb] if verb in ("plan", "apply") else []
        if (own := [tag for tag in tags(cell) if tag not in NBVAL]) != wanted:
            yield Wrong(cell["id"], f"it is tagged {own}, not {wanted}", "correct its tags")
        expected = f"{verb}-{what}".replace("_", "-") if what else verb
        if cell["id"] != expected:
            yield Wrong(cell["id"], "its id does not follow from its call", f"call it {expected}")


def has_prose_before_code(nb: Notebook, name: str) -> Iterator[Wrong]:
    """Prose stands directly before every code cell."""
    for before, cell in zip([None, *nb["cells"]], nb["cells"], strict=False):
        is_told = before and before["cell_type"] == "markdown" and len(source(before).split()) >= 8
        if cell["cell_type"] == "code" and not is_told:
            yield Wrong(cell["id"], "no prose before it", "say in a cell before it why, in a sentence or two")


def tells_then_and_now(nb: Notebook, name: str) -> Iterator[Wrong]:
    """The prose before each plan says what was done in 2013, what is done now, and what to expect."""
    for before, cell in zip(nb["cells"], nb["cells"][1:], strict=False):
        missing = [phrase for phrase in TOLD if phrase not in source(before)]
        if "plan" in tags(cell) and missing:
            yield Wrong(
                cell["id"], f"the prose before it lacks {', '.join(missing)}", "say that, in these words"
            )


def has_plain_cells(nb: Notebook, name: str) -> Iterator[Wrong]:
    """A code cell has at most ten lines, and no definition, loop, shell escape or template."""
    for cell in code_cells(nb):
        text = source(cell)
        if len(text.splitlines()) > 10:
            yield Wrong(cell["id"], "it has more than ten lines", _IN_PACKAGE)
        try:
            nodes = list(ast.walk(ast.parse(text)))
        except SyntaxError:
            yield Wrong(cell["id"], "it is not plain Python (a shell escape?)", _IN_PACKAGE)
            continue
        for node in nodes:
            if isinstance(node, FORBIDDEN):
                yield Wrong(cell["id"], f"it has a {type(node).__name__}", _IN_PACKAGE)
        if sum(isinstance(node, ast.Call) for node in nodes) > 1:
            yield Wrong(cell["id"], "it has more than one call", "make a cell of each")
