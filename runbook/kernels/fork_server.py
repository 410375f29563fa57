"""The process from which kernels are forked: it has imported what each of them would import, and waits to be asked.

`runbook.kernels.forked` starts it with a socket (SOCK_SEQPACKET) on which requests come, each one message: JSON with `target`, `argv`, `cwd`, `env`
and `handles`, and with it the process's line followed by one open file for each number in `handles`. `prepare` names a
function that is called here first, once: what it imports and makes, all that come later have. On the line
the answer goes back: `{"pid": …}` with a handle of the process (pidfd), or `{"refused": …}`; and when the process has ended,
`{"status": …}` as `os.waitstatus_to_exitcode` has it. The line is the process's lifeline too: it ends with who asked for it.

When nobody is left who could ask, the server ends. What it forked goes on without it.
"""

from __future__ import annotations

import array
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook.kernels.child import become
from runbook.kernels.request import LATER, MOST, MOST_HANDLES, STALE, Request

WANTED = (
    "IPython.core.completer", "IPython.core.magics", "comm", "ipykernel.zmqshell", "ipywidgets", "pandas", "sqlite3",
    "runbook.book", "runbook.fleet.book", "runbook.show.tables", "tornado.platform.asyncio",
)  # fmt: skip
"""What is imported before the first fork, with all steps. Pages, papermill and the like come with the first who needs them."""
STEPS = "runbook.steps:notebooks"


def main() -> None:
    """Serve the socket whose handle is the first argument, until nobody is left who could ask."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    # Not ignored: what is sent to a process in its first moment waits until it can hear it.
    signal.pthread_sigmask(signal.SIG_BLOCK, LATER)
    _end_with(requests)
    gc.disable()  # what is forked shares memory as long as nobody writes to it, and a collection writes everywhere
    _import()
    gc.collect()
    gc.freeze()
    what = _Server(requests).serve()
    if what is not None:
        what()


def _end_with(requests: socket.socket) -> None:
    """End as soon as nobody is left who could ask, also in the middle of an import: SIGIO tells of the end of a socket."""

    def told(*_: object) -> None:
        with suppress(BlockingIOError):
            if not requests.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                os._exit(0)

    signal.signal(signal.SIGIO, told)
    fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(requests, fcntl.F_SETFL, fcntl.fcntl(requests, fcntl.F_GETFL) | os.O_ASYNC)
    told()


def _import() -> None:
    for name in WANTED:
        importlib.import_module(name)
    _found(STEPS)()


class _Server:
    """What was imported, how it stood on the disk then, and the processes that were forked."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._lines: dict[int, socket.socket] = {}
        self._files = _files()
        self._prepared: set[str] = set()

    def serve(self) -> Callable[[], None] | None:
        """Return None when nobody is left who could ask, and in a process that was forked what it is to do."""
        woken, wake = socket.socketpair()
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is woken:
                        woken.recv(4096)
                        self._reap()
                        continue
                    data, handles = _received(self._requests)
                    if not data:
                        return None
                    if (what := self._answer(data, handles)) is not None:
                        return what

    def _answer(self, data: bytes, handles: list[int]) -> Callable[[], None] | None:
        line, rest = socket.socket(fileno=handles[0]), handles[1:]
        try:
            request = Request(**json.loads(data))
            target = self._ready_for(request)
            pid = os.fork()
        except Exception as error:
            _say(line, refused=f"{type(error).__name__}: {error}")
            pid = -1
        if pid == 0:
            return lambda: become(request, target, line, rest)
        for handle in rest:
            os.close(handle)
        if pid > 0:
            self._lines[pid] = line
            held = os.pidfd_open(pid)
            _say(line, held, pid=pid)
            os.close(held)
        return None

    def _ready_for(self, request: Request) -> Callable[[], None]:
        """Return what a request names, imported. Raises `RuntimeError` when a fork would not be what a new process is."""
        if changed := [name for name, was in self._files.items() if _stamp(name) != was]:
            raise RuntimeError(f"{STALE}: {changed[0]}")
        target = _found(request.target)
        if request.prepare not in {"", *self._prepared}:
            _found(request.prepare)()
            self._prepared.add(request.prepare)
            gc.collect()
            gc.freeze()
            self._files = {**_files(), **self._files}
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            raise RuntimeError("something that was imported has started a thread, which a fork would lose")
        return target

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                with self._lines.pop(pid) as line:
                    _say(line, status=os.waitstatus_to_exitcode(status))


def _found(name: str) -> Callable[[], None]:
    module, _, function = name.partition(":")
    found: Callable[[], None] = getattr(importlib.import_module(module), function)
    return found


def _files() -> dict[str, tuple[int, int]]:
    """Return the files of all modules, and how they stand on the disk: size and time of the last change."""
    names = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {name: stamp for name in names if name and (stamp := _stamp(name))}


def _stamp(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)  # noqa: PTH116 - two thousand of them before each fork
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _received(requests: socket.socket) -> tuple[bytes, list[int]]:
    """Return one message and the handles that came with it; nothing of both when nobody is left."""
    room = socket.CMSG_SPACE(MOST_HANDLES * array.array("i").itemsize)
    data, ancillary, _, _ = requests.recvmsg(MOST, room, socket.MSG_CMSG_CLOEXEC)
    handles = array.array("i")
    for _, _, found in ancillary:
        handles.frombytes(found)
    return data, list(handles)


def _say(line: socket.socket, *handles: int, **content: Any) -> None:
    with suppress(OSError):  # who asked is gone
        socket.send_fds(line, [json.dumps(content).encode()], handles)
