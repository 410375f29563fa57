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
import atexit
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WANTED = (
    "IPython.core.completer", "IPython.core.magics", "comm", "ipykernel.zmqshell", "ipywidgets", "pandas", "sqlite3",
    "runbook.book", "runbook.fleet.book", "runbook.show.tables", "tornado.platform.asyncio",
)  # fmt: skip
"""What is imported before the first fork, with all steps. Pages, papermill and the like come with the first who needs them."""
STEPS = "runbook.steps:notebooks"
MOST = 250_000
"""Bytes of a request; unix(7) takes no longer messages by default."""
MOST_HANDLES = 64


LATER = (signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Request:
    """A process that somebody wants: a function, and what it is to find around it."""

    target: str
    """`module:function`; called without arguments, it finds its own in `sys.argv`."""
    argv: list[str]
    cwd: str
    env: dict[str, str]
    handles: list[int]
    """The numbers under which the process finds its open files."""
    prepare: str = ""
    """`module:function`, called in the server before the first such process; '' for none."""


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
    become = _Server(requests).serve()
    if become is not None:
        become()


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
                    if (become := self._answer(data, handles)) is not None:
                        return become

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
            return lambda: _become(request, target, line, rest)
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


STALE = "what was imported has changed on the disk"


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


def _become(request: Request, target: Callable[[], None], line: socket.socket, handles: list[int]) -> None:
    """Be the process that was asked for, from its beginning to its end."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for sig in (signal.SIGCHLD, signal.SIGIO):
        signal.signal(sig, signal.SIG_DFL)
    _take(request.handles, handles, line)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    os.chdir(request.cwd)
    sys.argv = request.argv
    if "numpy.random" in sys.modules:  # `random` sees to itself
        sys.modules["numpy.random"].seed()
    gc.enable()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, LATER)
    _end(_run(target))


def _take(numbers: list[int], handles: list[int], line: socket.socket) -> None:
    """Give open files the numbers under which they are looked for; close all that is the server's."""
    above = max(numbers, default=0) + 1
    moved = [fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, above) for handle in (line.detach(), *handles)]
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) not in moved:
            with suppress(OSError):  # the one that lists them
                os.close(int(path.name))
    for number, handle in zip(numbers, moved[1:], strict=True):
        os.dup2(handle, number)
        os.close(handle)
    held = socket.socket(fileno=moved[0])
    threading.Thread(target=_hold, args=(held,), name="lifeline", daemon=True).start()


def _hold(line: socket.socket) -> None:
    """End with whoever asked for this process, as a kernel does whose parent is gone."""
    with suppress(OSError):
        line.recv(1)
    os._exit(1)


def _run(target: Callable[[], None]) -> int:
    try:
        target()
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except BaseException as error:
        traceback.print_exc()
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _end(status: int) -> None:
    """End as an interpreter does: threads, what is registered for the end, and all that is still to be written.

    Only taking the modules apart is left out: that would copy each page of memory, to no end.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    if status == -signal.SIGINT:  # who waits for it sees what an interpreter shows
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def kernel() -> None:
    """Be a kernel, with the arguments that `ipykernel_launcher` has."""
    from ipykernel.kernelapp import IPKernelApp

    # The line sees to it that no kernel is left behind; 1 is nobody's parent, and "no parent" would print a greeting.
    IPKernelApp.launch_instance([*sys.argv[1:], "--IPKernelApp.parent_handle=1"])
