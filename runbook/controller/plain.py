"""Files of a folder that anybody may have written to: read only when they are plain files of a stated size.

A pipe without a writer is waited for without end, a device may act when it is opened, a link leads anywhere,
and a file with a hole in it can be larger than any memory. None of that is opened here.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

LARGEST_JSON = 64 << 20
"""No record of a run, and no attestation, is larger than these 64 MiB."""
LARGEST = 1 << 30
"""No file of a run is larger than this GiB, where nothing states its size."""
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


class NotPlain(ValueError):
    """It is there, and is not a plain file, or is too large: `str()` says which."""


def kind(mode: int) -> str:
    """Return what a file of this mode is, '' for a plain file.

    >>> kind(0o100644), kind(0o10644)
    ('', 'a pipe')
    """
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no plain file")


@contextmanager
def opened(path: Path, *, follow: bool = False) -> Iterator[IO[bytes]]:
    """Open a plain file for reading. Raises `NotPlain` for anything else, `OSError` when it cannot be opened.

    A link is followed only with `follow`. Nothing but a plain file is opened, for some devices act when they
    are; what takes its place in that moment is opened without waiting, looked at, and closed.
    """
    _require_plain(path.stat(follow_symlinks=follow))
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    with os.fdopen(os.open(path, flags), "rb") as file:
        _require_plain(os.fstat(file.fileno()))
        yield file


def read(path: Path, largest: int = LARGEST_JSON, *, follow: bool = False) -> bytes:
    """Return the content of a plain file. Raises `NotPlain`, also for one that is too large, and `OSError`."""
    with opened(path, follow=follow) as file:
        data = b"" if os.fstat(file.fileno()).st_size > largest else file.read(largest + 1)
        if len(data) > largest or os.fstat(file.fileno()).st_size > largest:
            raise NotPlain(f"it is larger than {largest} bytes")
        return data


def read_json(path: Path) -> Any:
    """Return what a plain JSON file holds. Raises `ValueError` when it holds none, `OSError` as `read` does."""
    return parse_json(read(path))


def parse_json(data: bytes) -> Any:
    """Return the value of a JSON text. Raises `ValueError`, also for one that is nested too deeply."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def digest(path: Path, size: int | None = None) -> str:
    """Return the SHA-256 of a plain file, in hex.

    Raises `NotPlain` for anything else, and at once for a file that has not the `size` that it is to have.
    """
    with opened(path) as file:
        length = os.fstat(file.fileno()).st_size
        if size is not None and length != size:
            raise NotPlain(f"it has {length} bytes, and had {size}")
        if length > (LARGEST if size is None else size):
            raise NotPlain(f"it is larger than any file of a run: {length} bytes")
        known, left = hashlib.sha256(), length
        while left and (data := file.read(min(left, 1 << 20))):
            known.update(data)
            left -= len(data)
        if left or file.read(1):
            raise NotPlain("its size changed while it was read")
    return known.hexdigest()


def is_there(path: Path) -> bool:
    """Return whether there is anything at a path, also a link that leads nowhere."""
    return os.path.lexists(path)


def _require_plain(found: os.stat_result) -> None:
    if what := kind(found.st_mode):
        raise NotPlain(f"it is {what}, not a file")
