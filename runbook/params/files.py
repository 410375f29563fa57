"""Small text files, read so that none of them can hang or fill the memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_TEXT = "give the path of a file like params/example.yml"


class UnfitFile(Exception):
    """A path that is no small text file: why, and what to do."""

    def __init__(self, why: str, do: str = _TEXT) -> None:
        super().__init__(why)
        self.why, self.do = why, do


def read_small(path: Path, most: int) -> str:
    """Return the text of a file of at most `most` bytes, with line ends as Python has them.

    Raises `UnfitFile` as `read_bytes` does, and for what is not UTF-8.
    """
    try:
        text = read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnfitFile(f"it is not UTF-8 text: {error}", "save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path, most: int) -> bytes:
    """Return the content of a file of at most `most` bytes.

    Raises `UnfitFile` for a folder, a pipe, a device and a larger file: a pipe would wait for ever for
    somebody to write into it, and a device may have no end.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(handle, "rb") as file:
            kind = os.fstat(handle).st_mode
            if not stat.S_ISREG(kind):
                raise UnfitFile(
                    "it is a folder" if stat.S_ISDIR(kind) else "it is a pipe or a device, not a file"
                )
            data = file.read(most + 1)
    except IsADirectoryError:
        raise UnfitFile("it is a folder") from None
    except (OSError, ValueError) as error:
        raise UnfitFile(str(error)) from None
    if len(data) > most:
        raise UnfitFile(f"it is larger than {most // 1024} KiB", "write less, or several files")
    return data
