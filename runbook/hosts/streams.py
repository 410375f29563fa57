"""The streams of a running command, read while it runs."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from typing import IO

from runbook.hosts.base import OnLine

_PGID = re.compile(rb"@@ pgid (\d{1,10})(?: (\d{1,20}))?\n")
KEPT = 1 << 20
"""So many bytes are kept of a stream's beginning, and as many of its end: a command may say gigabytes."""
LONGEST = 1 << 16
"""Of a longer line the first so many bytes are handed on: half a secret is not known as one, so nothing begins inside."""
NO_MARKS = (b"", b"")
"""The marks of a stream that counts from its beginning: the line that begins it, and a prompt before that line."""

_CUT = re.compile(r"^\[… [\d,]+ bytes left out …\]$", re.MULTILINE)


class Reader(threading.Thread):
    """Read one stream to its end, line by line; remember the process group that it announces, and since when.

    Every line is handed on; of what is said in all, beginning and end are kept. Of more than `limit` bytes the
    rest is not read: `is_over` is true then. At its end it puts itself into `ends`.

    With a `mark` nothing counts before that line: what is kept until then is forgotten when it comes. `settled` is set
    when it came, and when it will not: the stream is at its end, or the `prompt` was said a second time.
    """

    def __init__(
        self,
        stream: IO[bytes] | None,
        on_line: OnLine | None,
        ends: queue.SimpleQueue[Reader | str],
        *,
        limit: int,
        kept: int = KEPT,
        announces: bool = False,
        marks: tuple[bytes, bytes] = NO_MARKS,
    ) -> None:
        super().__init__(daemon=True)
        assert stream
        self._stream, self._on_line, self._ends = stream, on_line, ends
        self._limit, self._kept, self._announces = limit, kept, announces
        self._head, self._tail, self._left_out = bytearray(), bytearray(), 0
        self.pgid: int | None = None
        self.since = ""
        self.is_over = False
        self._mark, self._prompt = marks
        self._asked, self.has_begun = 0, not self._mark
        self.settled = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with self._stream:
                self._read()
        finally:
            self.settled.set()
            self._ends.put(self)

    def _read(self) -> None:
        is_begun, count = False, 0
        while line := self._stream.readline(LONGEST):
            goes_on, is_begun = is_begun, not line.endswith(b"\n")
            count += len(line)
            if count > self._limit:
                self.is_over = True
                return
            if not self.has_begun:
                self._before(line)
                continue
            if self._announces and self.pgid is None and (found := _PGID.fullmatch(line)):
                self.pgid, self.since = int(found[1]), (found[2] or b"").decode()
                continue
            self._keep(line)
            if self._on_line and not goes_on:
                self._on_line(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _before(self, line: bytes) -> None:
        if line.endswith(self._mark):  # what came before may have left its line open
            self._head.clear()
            self._tail.clear()
            self._left_out, self.has_begun = 0, True
        else:
            self._keep(line)
            self._asked += bool(self._prompt) and self._prompt in line
        if self.has_begun or self._asked > 1:
            self.settled.set()

    def _keep(self, line: bytes) -> None:
        if len(self._head) < self._kept:
            self._head += line
            return
        self._tail += line
        if len(self._tail) > 2 * self._kept:
            self._left_out += len(self._tail) - self._kept
            del self._tail[: -self._kept]

    @property
    def data(self) -> bytes:
        """The bytes that are kept: all of them, if no more than `kept` were said."""
        return bytes(self._head + self._tail)

    def text(self) -> str:
        """Return what was said; of too much whole lines of both ends, with a line between them that tells how much is left out."""
        if not self._left_out:
            return self.data.decode("utf-8", "replace")
        head, tail = self._head[: self._head.rfind(b"\n") + 1], self._tail.partition(b"\n")[2]
        left_out = self._left_out + len(self._head) - len(head) + len(self._tail) - len(tail)
        first, last = (part.decode("utf-8", "replace") for part in (head, tail))
        return f"{first}[… {left_out:,} bytes left out …]\n{last}"


def is_whole(text: str) -> bool:
    """Return whether nothing was left out of what a command said.

    >>> is_whole("first\\n[… 1,024 bytes left out …]\\nlast\\n"), is_whole("first\\nlast\\n")
    (False, True)
    """
    return _CUT.search(text) is None


def feed(stream: IO[bytes] | None, data: bytes) -> None:
    """Write all of the data and close; a reader that is gone already is no error here."""
    assert stream
    with contextlib.suppress(OSError):
        stream.write(data)
    with contextlib.suppress(OSError):
        stream.close()
