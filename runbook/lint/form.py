"""The file: a small valid notebook, written one way, with the outputs of the recorded host."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import nbformat

from runbook.lint.notebook import CALL, Notebook, Wrong, code_cells, source

AGAIN = "write it again: `runbook notebooks` executes a notebook and saves it in the one form"
_LEAST = {"kernelspec", "language_info"}


def is_a_small_valid_file(nb: Notebook, name: str) -> Iterator[Wrong]:
    """The file is nbformat 4.5 with the least metadata, so that a diff shows meaning only."""
    try:
        nbformat.validate(copy.deepcopy(nb))
        is_valid = (nb["nbformat"], nb["nbformat_minor"]) == (4, 5)
    except (nbformat.ValidationError, KeyError, TypeError, AttributeError) as error:
        yield Wrong("", f"not a valid notebook: {str(error).splitlines()[0]}", AGAIN)
        return
    if not is_valid:
        yield Wrong("", "not nbformat 4.5", "save it with JupyterLab 4, which writes 4.5")
        return
    if nb["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield Wrong("", "not for the kernel python3", "choose the kernel python3")
    if extra := set(nb["metadata"]) - _LEAST:
        yield Wrong("", f"more metadata than it needs: {sorted(extra)}", AGAIN)
    if nb["metadata"].get("language_info") != {"name": "python"}:
        why = "language_info says more than the language: it would change with every Python"
        yield Wrong("", why, AGAIN)
    for cell in nb["cells"]:
        if extra := set(cell["metadata"]) - {"tags"}:
            yield Wrong(cell["id"], f"more metadata than tags: {sorted(extra)}", "remove it")


def carries_its_outputs(nb: Notebook, name: str) -> Iterator[Wrong]:
    """Every cell was executed, once and in order, shows something where it calls the book, and no error.

    That is what a reader sees, and what a test can compare; nothing is compared where outputs were stripped.
    """
    for number, cell in enumerate(code_cells(nb), 1):
        says = source(cell)
        if cell["execution_count"] != number:
            yield Wrong(cell["id"], f"executed as {cell['execution_count']}, not as {number}", AGAIN)
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            yield Wrong(
                cell["id"], "it shows an error", "mend what it names, then execute the notebook again"
            )
        elif not cell["outputs"] and (CALL.fullmatch(says) or cell["id"] == "open"):
            yield Wrong(cell["id"], "it has no output", AGAIN)


def is_written_one_way(text: str) -> Iterator[Wrong]:
    """The file is indented by one blank, sorted, keeps letters as they are, and ends with one newline."""
    if text != json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n":
        yield Wrong("", "another program has written it in a form of its own, so a diff is all noise", AGAIN)
