"""A folder that one process at a time works on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
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


@contextmanager
def let_go(path: Path, guard: AbstractContextManager[object] | None = None) -> Iterator[bool]:
    """Say whether nobody holds a file or folder, and hold it meanwhile: two who look at once do not both have it.

    `guard` is entered for the moment of looking. Raises `OSError` where nobody can tell.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        with guard or nullcontext():
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_mine = True
            except BlockingIOError:
                is_mine = False
        yield is_mine
    finally:
        os.close(handle)
