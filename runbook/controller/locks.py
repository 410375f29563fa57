"""A folder that one process at a time works on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a folder, and let go of it in any case when the process ends; say whether nobody else has it.

    Without `wait` that may be False. On a file system that cannot lock folders (NFS) nobody can tell: then it is True.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        is_mine = True
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                is_mine = False
        yield is_mine
    finally:
        os.close(handle)
