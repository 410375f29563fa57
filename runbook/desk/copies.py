"""Own copies of the notebooks: for one host, with its parameters, without anybody else's outputs, and hard to spoil.

In a copy the prose cannot be edited. Code can be until its step is done: then JupyterLab freezes the step's cells
(`labextensions`), which can be run again. No cell of the runbook's is deleted; one's own can be added.
A copy of an older edition is laid aside when a newer one comes, with all that it shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from runbook.controller.aside import beside
from runbook.controller.atomic import write_atomic
from runbook.controller.project import PATTERN
from runbook.evidence.files import notebook_text, read_notebook

FOLDER = "mine"
"""The folder of the project that holds them; git leaves it alone."""
START = "start.ipynb"
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_UP = re.compile(r"\]\(\.\./")
_PAGE: tuple[tuple[str, str], ...] = (
    ("title", """# Start here

This page is yours: `runbook jupyter` made it in the folder `mine`, and git leaves that folder alone.
Run a cell with Shift+Enter. Nothing on this page changes a host.

The cells of this page can be run but not edited. In the copies below a step's cells can be edited until the step is done; add cells of your own wherever you like.
The guide itself, to be read, is in the folder `notebooks` at the left; it begins with [00 Introduction](../notebooks/00_introduction.ipynb)."""),
    ("about-hosts", """## Your hosts

Each parameter file under `params` describes one host. The example is a recorded host: it can be tried with no machine at all.

For a machine of your own open a terminal (File ▸ New ▸ Terminal) and let the runbook look at it; it changes nothing there:
`runbook new myhost --to root@myhost`"""),
    ("desk", "from runbook import open_desk\n\ndesk = open_desk()\ndesk"),
    ("about-doctor", """## Is this computer fit?

The notebooks run on this computer, the controller. Each line says what it lacks, if anything, and what to do about it."""),
    ("doctor", "desk.doctor()"),
    ("about-host", """## Which host?

Write the name of one of your hosts here, as in the table above; the next two cells are about it."""),
    ("host", 'host = "example"'),
    ("about-form", """## Its parameters

Which guest gets which device, and below that every other parameter. Nothing is saved before you have seen the changes.
[All parameters](../docs/parameters.md) are on one page, and [the glossary](../docs/glossary.md) explains the terms."""),
    ("form", "desk.form(host)"),
    ("about-notebooks", """## Its notebooks

This makes copies of the notebooks for this host, in a folder of its own, and leads there.
Their `mode` is `auto`, which only looks at a real machine. What is there already, with its outputs, stays."""),
    ("notebooks", "desk.notebooks(host)"),
    ("help", """## When something is not clear

[What errors mean](../docs/errors.md), [what goes wrong in a run](../docs/faults.md), [what happens on the hosts that people have](../docs/set-ups.md).
Every run leaves a report under `reports`; `reports/index.html` leads to all of them."""),
)  # fmt: skip


def start(root: Path) -> Path:
    """Return the person's first page, made when it is not there or of an older edition."""
    cells = [
        (new_markdown_cell if id_.partition("-")[0] in ("title", "about", "help") else new_code_cell)(  # type: ignore[no-untyped-call]
            text, id=id_
        )
        for id_, text in _PAGE
    ]
    nb = new_notebook(  # type: ignore[no-untyped-call]
        cells=cells, metadata={"kernelspec": dict(_KERNEL), "language_info": {"name": "python"}}
    )
    return _keep(root / FOLDER / START, _frozen(nb, lambda cell: cell.id == "host"))


def make(root: Path, params: str, name: str) -> list[Path]:
    """Return the copies of all notebooks for one host, made where they are not there or of an older edition.

    `params` is what stands in the copy's parameters, `name` that of the host's folder.
    """
    paths = sorted((root / "notebooks").glob(PATTERN))
    return [_keep(root / FOLDER / name / path.name, _copy(read_notebook(path), params)) for path in paths]


def _copy(nb: NotebookNode, params: str) -> NotebookNode:
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = _UP.sub("](../../", cell.source)  # the copy lies one folder deeper
        if cell.id == "parameters":
            cell.source = f'params = {json.dumps(params, ensure_ascii=False)}\nmode = "auto"'
    return _frozen(nb, lambda cell: cell.cell_type == "code")


def _frozen(nb: NotebookNode, may_be_edited: Callable[[NotebookNode], bool]) -> NotebookNode:
    """Let JupyterLab delete no cell, and edit those alone that may be (nbformat, "Cell metadata"); note the edition."""
    for cell in nb.cells:
        cell.metadata.update(deletable=False)
        if not may_be_edited(cell):
            cell.metadata.update(editable=False)
    sources = json.dumps([cell.source for cell in nb.cells])
    nb.metadata["runbook"] = {"edition": hashlib.sha256(sources.encode()).hexdigest()[:16]}
    return nb


def _keep(path: Path, nb: NotebookNode) -> Path:
    """Write a copy, unless this edition of it is there; another edition is laid aside, not lost."""
    if path.exists():
        if _edition(path) == nb.metadata["runbook"]["edition"]:
            return path
        path.rename(beside(path, lambda number: f"{path.stem}.old-{number}.ipynb"))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, notebook_text(nb))
    return path


def _edition(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metadata"]["runbook"]["edition"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a person's own file under that name, or a damaged one: it is laid aside
