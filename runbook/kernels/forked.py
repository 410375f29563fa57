"""Processes that are forked from one that has imported everything already (`runbook.kernels.fork_server`)."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
from contextlib import suppress
from typing import IO

from runbook.kernels.request import MOST

PATIENCE_S = 60.0
"""How long the server may take to answer; on a busy machine its imports take many seconds."""
UNKNOWN = 255
"""The status of a process that outlived the server, which alone could have learnt it."""


class NotForked(Exception):
    """A process cannot be forked; the reason is its text. Who wanted it starts it the ordinary way."""


class Stale(NotForked):
    """The server's modules are not those on the disk any more: a new one will do."""


class Lost(NotForked):
    """The server has ended, or does not answer."""


class Forked:
    """A process that was forked, with what `subprocess.Popen` has of it."""

    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None
    returncode: int | None = None

    def __init__(self, line: socket.socket, pid: int, handle: int) -> None:
        self.pid, self._line, self._handle = pid, line, handle

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def fileno(self) -> int:
        """The handle that can be read from when the process has ended."""
        return self._handle

    def poll(self) -> int | None:
        """Return how the process ended, None while it lives."""
        if self.returncode is None and select.select([self._handle], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how the process ended. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send a signal; who has ended hears none."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self._line.settimeout(PATIENCE_S)
        status = UNKNOWN
        with suppress(OSError, ValueError, KeyError):
            status = json.loads(self._line.recv(MOST))["status"]
        self.close()
        self.returncode = status

    def close(self) -> None:
        """Let go of the process, which ends with this where it has not ended."""
        self._line.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
