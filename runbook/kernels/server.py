"""The server that this process asks for forks (`runbook.kernels.fork_server`): started, asked, ended."""

from __future__ import annotations

import atexit
import json
import os
import site
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import IO

from runbook.kernels.forked import PATIENCE_S, Forked, Lost, NotForked, Stale
from runbook.kernels.request import MOST, STALE, Request

_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_")
LENT = "RUNBOOK_FORK_SERVER"
"""The environment variable that names the socket of a server which another process started: `handle:inode`."""
_SERVE = """import sys
if not sys.flags.safe_path: del sys.path[0]
from runbook.kernels.fork_server import main
main()"""
"""Not from the current folder, as a kernel's launcher does it; with `-P` no kernel would find a module there later."""
_LATER = ("PYTHONSTARTUP",)
"""Read when a kernel is started, not when its interpreter is."""


class ForkServer:
    """A server that this process asks. All threads may ask it at once."""

    def __init__(
        self, connection: socket.socket, process: subprocess.Popen[bytes] | None, errors: IO[bytes]
    ) -> None:
        """`process` is the server itself, which ends with this; None for one that another process started."""
        self._socket, self._process, self._errors = connection, process, errors
        self._env = at_start(os.environ)

    def lent(self) -> tuple[dict[str, str], int]:
        """Return what a forked process is given to ask this server too: variables, and a handle under its own number."""
        handle = self._socket.fileno()
        return {LENT: f"{handle}:{os.fstat(handle).st_ino}"}, handle

    @property
    def pid(self) -> int | None:
        """The server's process, None when it is not this one's."""
        return self._process.pid if self._process else None

    def fork(
        self,
        target: str,
        argv: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        handles: Mapping[int, int],
        prepare: str,
    ) -> Forked:
        """Return a process that was forked (`ask`). Raises `NotForked`."""
        return self.answer(self.ask(target, argv, cwd, env, handles, prepare))

    def ask(
        self,
        target: str,
        argv: Sequence[str],
        cwd: str,
        env: Mapping[str, str],
        handles: Mapping[int, int],
        prepare: str = "",
    ) -> socket.socket:
        """Ask for a process and return its line, on which the answer comes (`answer`).

        `handles` are the open files that it is given, by the number under which it looks for each. Raises `NotForked`.
        """
        if at_start(env) != self._env:
            raise NotForked("its environment is another one than this process had when it began")
        request = Request(target, list(argv), cwd, dict(env), list(handles), prepare)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                data = json.dumps(asdict(request)).encode()
                socket.send_fds(self._socket, [data], [theirs.fileno(), *handles.values()])
            except OSError as error:
                mine.close()
                raise self._lost(error.strerror or str(error)) from error
        return mine

    def answer(self, line: socket.socket) -> Forked:
        """Return the process that was asked for. Raises `NotForked`."""
        line.settimeout(PATIENCE_S)
        try:
            data, handles, _, _ = socket.recv_fds(line, MOST, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            line.close()
            raise self._lost(error.strerror or str(error)) from error
        reply = json.loads(data) if data else {}
        if "pid" in reply:
            return Forked(line, reply["pid"], handles[0])
        line.close()
        if not reply:
            raise self._lost("it has ended")
        raise (Stale if STALE in reply["refused"] else NotForked)(reply["refused"])

    def close(self) -> None:
        """End the server, if it is this process's; what it forked goes on."""
        self._socket.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _lost(self, why: str) -> Lost:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return Lost(
            f"the process that kernels are forked from is lost: {why}" + (f": {lines[-1]}" if lines else "")
        )


def at_start(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an interpreter reads when it starts; changed later they change nothing in it.

    HOME is one of them where packages of a user's own are looked for.
    """
    names = ("HOME",) if site.ENABLE_USER_SITE else ()
    found = {k: v for k, v in env.items() if k.startswith(_AT_START) or k in names}
    return {k: v for k, v in found.items() if k not in _LATER}


def _start() -> ForkServer:
    """Start a server; what it imports, it imports meanwhile. Raises `NotForked` where that cannot be, and `OSError`."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        raise NotForked("this system has no handles of processes (pidfd_open)")
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
    argv = [sys.executable, "-c", _SERVE, str(theirs.fileno())]
    # A thread that was started by an import would be lost in a fork.
    quiet = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with theirs:
        process = subprocess.Popen(
            argv, env={**os.environ, **quiet}, pass_fds=(theirs.fileno(),), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
    return ForkServer(mine, process, errors)


def _borrowed() -> ForkServer | None:
    """Return the server that this process was given to ask, None when there is none."""
    handle, _, inode = os.environ.pop(LENT, "").partition(":")
    try:
        if os.fstat(int(handle)).st_ino != int(inode):
            return None
        return ForkServer(socket.socket(fileno=int(handle)), None, tempfile.TemporaryFile())
    except (OSError, ValueError):
        return None


_of: tuple[int, ForkServer | NotForked] | None = None  # it belongs to a process, so there is one for each
_turn = threading.Lock()


def server() -> ForkServer:
    """Return the server of this process, started with the first call. Raises `NotForked` once it could not be."""
    global _of
    with _turn:
        if _of is None or _of[0] != os.getpid():
            try:
                found: ForkServer | NotForked = _borrowed() or _start()
            except (NotForked, OSError) as error:
                found = NotForked(str(error))
            _of = os.getpid(), found
            atexit.register(close)
        if isinstance(_of[1], NotForked):
            raise _of[1]
        return _of[1]


def begin() -> None:
    """Start the server of this process, for kernels to come; where there can be none, nothing happens."""
    with suppress(NotForked):
        server()


def close(instead: NotForked | None = None) -> None:
    """End the server of this process, if there is one; the next call of `server` raises `instead`, or starts another."""
    global _of
    with _turn:
        if _of is not None and _of[0] == os.getpid() and isinstance(_of[1], ForkServer):
            _of[1].close()
        _of = (os.getpid(), instead) if instead else None
