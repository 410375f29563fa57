"""Whole files or none: a reader never sees half of one, whatever happens while it is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import cast

import nbformat


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Return a notebook. Raises `OSError`, or `ValueError` when it is none."""
    return cast(nbformat.NotebookNode, nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]


def notebook_text(nb: nbformat.NotebookNode) -> str:
    """Return a notebook as it stands in a file."""
    return f"{nbformat.writes(nb)}\n"  # type: ignore[no-untyped-call]


def write_atomic(path: Path, text: str) -> None:
    """Replace a text file in one move: temporary file beside it, fsync, rename, fsync of the folder.

    Raises `OSError` (disk full, no permission); the old file is then untouched and no temporary
    file stays behind.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
