"""The streams of a running command, read while it runs."""

from __future__ import annotations

import contextlib
import threading
from typing import IO

from runbook.hosts.base import OnLine

_PGID = b"@@ pgid "


class Reader(threading.Thread):
    """Read one stream to its end, line by line; remember the process group that it announces, and since when."""

    def __init__(self, stream: IO[bytes] | None, on_line: OnLine | None) -> None:
        super().__init__(daemon=True)
        assert stream
        self._stream, self._on_line = stream, on_line
        self._parts: list[bytes] = []
        self.pgid: int | None = None
        self.since = ""
        self.start()

    def run(self) -> None:
        with self._stream:
            self._read()

    def _read(self) -> None:
        for line in self._stream:
            if line.startswith(_PGID) and self.pgid is None:
                pgid, _, since = line[len(_PGID) :].decode().strip().partition(" ")
                self.pgid, self.since = int(pgid), since
                continue
            self._parts.append(line)
            if self._on_line:
                self._on_line(line.decode("utf-8", "replace").rstrip("\r\n"))

    def text(self) -> str:
        return b"".join(self._parts).decode("utf-8", "replace")


def feed(stream: IO[bytes] | None, data: bytes) -> None:
    """Write all of the data and close; a reader that is gone already is no error here."""
    assert stream
    with contextlib.suppress(OSError):
        stream.write(data)
    with contextlib.suppress(OSError):
        stream.close()
