"""Whole files or none: a reader never sees half of one, whatever happens while it is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomic(path: Path, text: str, mode: int = 0o644, *, is_new: bool = False) -> None:
    """Replace a text file in one move: temporary file beside it, fsync, rename, fsync of the folder.

    With `is_new` it takes no other file's place. Raises `FileExistsError` then, `OSError` (disk full, no
    permission) in general; the old file is then untouched and no temporary file stays behind.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        if is_new:
            path.hardlink_to(temporary)  # a link, unlike a rename, takes no other's place
            temporary.unlink()
        else:
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
