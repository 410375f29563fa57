"""A notebook as the plain JSON value of its file, and what every rule reads from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Notebook = dict[str, Any]
Cell = dict[str, Any]
CALL = re.compile(
    r'(?:book|fleet)\.(?:(plan|apply|show)\("([a-z][a-z0-9_]*)"\)|(summary|(?<=book\.)(?:form|status))\(\))'
)


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong, in a cell or ('') in the whole, and the next move."""

    cell: str
    why: str
    do: str


def source(cell: Cell) -> str:
    """Return the text of a cell."""
    return "".join(cell["source"])


def code_cells(nb: Notebook) -> list[Cell]:
    """Return the cells that are executed."""
    return [cell for cell in nb["cells"] if cell["cell_type"] == "code"]


def tags(cell: Cell) -> list[str]:
    """Return the tags of a cell."""
    return list(cell["metadata"].get("tags", []))


def calls(nb: Notebook) -> list[tuple[str, str, str]]:
    """Return the calls of the book in order: the cell's id, the verb, and the step ('' for a call without one)."""
    found = ((cell["id"], CALL.fullmatch(source(cell))) for cell in code_cells(nb))
    return [(id_, m[1] or m[3], m[2] or "") for id_, m in found if m]


def headings(nb: Notebook) -> list[str]:
    """Return the headings of all levels, in order."""
    text = "\n".join(source(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")
    return re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
