"""One command over a transport, with a time-out and a limit on what it may say."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runbook.errors import HostError, TimedOut
from runbook.hosts.base import OnLine
from runbook.hosts.streams import KEPT, Reader, feed
from runbook.hosts.sudo import Sudo, marks

MIB = 1 << 20
End = Callable[[int], None]
"""Ends a process group on the host."""


@dataclass(frozen=True)
class Limits:
    """How long one answer of the host may take, and how much each of its streams may say."""

    timeout_s: float = 300
    mib: int = 64

    @property
    def size(self) -> int:
        """The same in bytes."""
        return self.mib * MIB


@dataclass(frozen=True)
class Said:
    """How a command ended, and both its streams."""

    status: int
    out: Reader
    err: Reader


def start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Return the process of a transport, in a session of its own, its three streams in our hands."""
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def exchange(
    argv: Sequence[str],
    *,
    stdin: bytes,
    late: Callable[[str], TimedOut],
    flooded: Callable[[str, str], HostError],
    timeout_s: float,
    limit: int,
    kept: int = KEPT,
    on_line: OnLine | None = None,
    end: End | None = None,
    sudo: Sudo | None = None,
) -> Said:
    """Run a transport's argv to its end, and return what it said; `kept` is for standard output, `sudo` lets it in.

    Raises what `late` makes of its last lines, or `flooded` of the stream's name and its beginning, after it
    was ended here and, by `end`, on the host. So it is ended by a signal.
    """
    until = time.monotonic() + timeout_s
    process = start(argv)
    ends: queue.SimpleQueue[Reader | str] = queue.SimpleQueue()
    err: Reader | None = None
    try:
        err = Reader(process.stderr, on_line, ends, limit=limit, announces=True, marks=marks(sudo))
        out = Reader(process.stdout, on_line, ends, limit=limit, kept=kept, marks=marks(sudo))
        write = (sudo.feed, (process.stdin, stdin, err)) if sudo else (feed, (process.stdin, stdin))
        threading.Thread(target=write[0], args=write[1], daemon=True).start()
        for _ in (out, err):
            reader = ends.get(timeout=max(0.0, until - time.monotonic()))
            if isinstance(reader, Reader) and reader.is_over:
                name = "standard output" if reader is out else "standard error"
                raise flooded(name, reader.data[:200].decode("utf-8", "replace"))
        return Said(process.wait(max(0.01, until - time.monotonic())), out, err)
    except (queue.Empty, subprocess.TimeoutExpired):
        stop(process, err, end)
        raise late("\n".join((out.text() + err.text() if err else "").splitlines()[-5:])) from None
    except BaseException:  # a signal may come before anything is read
        stop(process, err, end)
        raise


def stop(process: subprocess.Popen[bytes], err: Reader | None = None, end: End | None = None) -> None:
    """End the command's process group on the host, then the transport on this side."""
    if end and err and err.pgid and err.pgid > 1:
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            end(err.pgid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
