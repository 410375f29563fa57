"""Notebooks as files: read, and written as nbformat does it."""

from __future__ import annotations

import re
import secrets
from json.encoder import encode_basestring
from pathlib import Path
from typing import cast

import nbformat
from nbformat import NotebookNode

from runbook.controller import plain

LONG = 4096
"""From so many characters on, the text of a stream is put into a notebook's JSON by `notebook_text` itself."""


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Return a notebook. Raises `OSError`, or `ValueError` when it is none, or no file."""
    text = plain.read(path, plain.LARGEST, follow=True).decode()
    try:
        return cast(nbformat.NotebookNode, nbformat.reads(text, as_version=4))  # type: ignore[no-untyped-call]
    except (nbformat.ValidationError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is no notebook: {type(error).__name__}") from None


def notebook_text(nb: nbformat.NotebookNode) -> str:
    """Return a notebook as nbformat writes it, to the byte, and in two thirds of the time where outputs are long.

    Indented JSON is written in Python, value by value. So nbformat gets a word in place of each long text,
    and the lines of the text are put there.
    """
    word = secrets.token_hex(8)
    texts: list[str] = []

    def thin(output: NotebookNode) -> NotebookNode:
        if output.get("output_type") != "stream" or len(output["text"]) < LONG:
            return output
        texts.append(output["text"])
        return NotebookNode({**output, "text": f"{word} {len(texts) - 1}"})  # type: ignore[no-untyped-call]

    def full(found: re.Match[str]) -> str:
        lines = map(encode_basestring, texts[int(found[2])].splitlines(keepends=True))
        return found[1] + f",\n{found[1]}".join(lines)

    cells = [
        NotebookNode({**cell, "outputs": [thin(output) for output in cell["outputs"]]})  # type: ignore[no-untyped-call]
        if cell.get("outputs")
        else cell
        for cell in nb["cells"]
    ]
    text = nbformat.writes(NotebookNode({**nb, "cells": cells}))  # type: ignore[no-untyped-call]
    return re.sub(rf'(?m)^( *)"{word} (\d+)"', full, text) + "\n"


def title_of(nb: nbformat.NotebookNode, otherwise: str) -> str:
    """Return a notebook's first heading."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^#+ +(.+)$", cell.source, re.M)):
            return str(match[1]).strip()
    return otherwise
