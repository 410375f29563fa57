"""Requests to stop (Ctrl-C, SIGTERM, SIGHUP): noted in one place, where nothing can swallow them.

The interpreter's own C handler writes every signal into a socket (`signal.set_wakeup_fd`) before any Python code hears
of it. Nobody reads the socket empty, everybody looks at it: the command itself, its threads, and the kernels that
it starts, which inherit the other end (`LIFELINE`). So a `KeyboardInterrupt` that a library catches and drops loses nothing:
the next boundary asks `go_on`, which raises it again. For a kernel the end of the socket is the end of its runner.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.02
LIFELINE = "RUNBOOK_LIFELINE"
"""The environment variable that names the socket from the runner of this kernel: `handle:inode`."""
_current: Stops | None = None  # signals belong to the process, so there is one for it


class Stops:
    """The requests to stop that reached this process."""

    def __init__(self) -> None:
        self._noted, self._note = socket.socketpair()
        self._note.setblocking(False)
        self._answered = 0
        self._raises = False
        self._listeners: list[Callable[[], object]] = []
        self._before: dict[signal.Signals, Any] = {}

    @property
    def requests(self) -> int:
        """How many requests nobody has answered yet. Any thread may ask."""
        return _count(self._noted) - self._answered

    def answer(self) -> None:
        """Take the requests so far as answered: what they ask for was done, and is said."""
        self._answered = _count(self._noted)

    def go_on(self) -> None:
        """Raise `KeyboardInterrupt` when somebody asked to stop, however long ago."""
        if self.requests > 0 or _is_cut_off():
            raise KeyboardInterrupt("somebody asked to stop")

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raise `KeyboardInterrupt` in here as soon as somebody asks to stop, or has asked."""
        with self._raising(True):
            self.go_on()
            yield

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Raise nothing in here: what asks `go_on` hears of it, and what must be whole becomes whole."""
        with self._raising(False):
            yield

    @contextmanager
    def _raising(self, wanted: bool) -> Iterator[None]:
        before, self._raises = self._raises, wanted
        try:
            yield
        finally:
            self._raises = before

    @contextmanager
    def told(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call back at each request, in the signal handler: it may only wake somebody."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def ignore(self) -> None:
        """Hear no more requests: how this command ends is decided, and its exit code says so."""
        for sig in self._before:
            signal.signal(sig, signal.SIG_IGN)

    def lifeline(self) -> tuple[dict[str, str], int]:
        """Return what a kernel is started with to see the requests: environment variables, and a handle to inherit."""
        handle = self._noted.fileno()
        return {LIFELINE: f"{handle}:{os.fstat(handle).st_ino}"}, handle

    def fileno(self) -> int:
        """The handle that can be read from once somebody asked to stop; nobody may do so (`select` looks)."""
        return self._noted.fileno()

    def _heard(self, _: int, frame: FrameType | None) -> None:
        for listener in tuple(self._listeners):
            listener()
        self._interrupt(frame)

    def _alarmed(self, _: int, frame: FrameType | None) -> None:
        if self.requests > 0:
            self._interrupt(frame)

    def _interrupt(self, frame: FrameType | None) -> None:
        """Raise where that is wanted; in the middle of an import a moment later.

        There it may come out as another error, and what is half imported may crash the interpreter when it ends.
        """
        if self._raises and _is_importing(frame) and signal.getsignal(signal.SIGALRM) == self._alarmed:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        elif self._raises:
            raise KeyboardInterrupt

    @contextmanager
    def _installed(self, wanted: tuple[signal.Signals, ...], until_exit: bool) -> Iterator[None]:
        # First the note, then the handlers: nothing is heard that is not noted.
        woken = signal.set_wakeup_fd(self._note.fileno(), warn_on_full_buffer=False)
        for sig in wanted:
            if signal.getsignal(sig) is not signal.SIG_IGN:  # what was ignored stays ignored (nohup)
                self._before[sig] = signal.signal(sig, self._heard)
        owns_alarm = signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
        if owns_alarm:
            signal.signal(signal.SIGALRM, self._alarmed)
        try:
            yield
        finally:
            if owns_alarm:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, signal.SIG_IGN if until_exit else signal.SIG_DFL)
            if until_exit:
                self.ignore()
                # An interrupt out of a text that a library executes (nbformat's schemas) counts as handled by nobody until
                # another text is executed: what `python -m` began would end by SIGINT, with no exit code (run_eval_code_obj
                # in Python/pythonrun.c, Py_RunMain in Modules/main.c).
                exec("")
            else:
                for sig, old in self._before.items():
                    signal.signal(sig, old)
            signal.set_wakeup_fd(woken)


@contextmanager
def watching(*wanted: signal.Signals, until_exit: bool = False) -> Iterator[Stops]:
    """Note requests to stop (all of `STOPPING` by default) for a while, and yield them.

    Who watches already is asked again: all see the same. A thread hears no signals, so that its requests are none. With `until_exit`
    they are ignored afterwards: the process is about to end.
    """
    global _current
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and _current is not None:
        yield _current
        return
    stops = Stops()
    with ExitStack() as stack:
        stack.callback(stops._note.close)
        stack.callback(stops._noted.close)
        if is_main:
            stack.enter_context(stops._installed(wanted or STOPPING, until_exit))
            _current = stops
        try:
            yield stops
        finally:
            if is_main:
                _current = None


def go_on() -> None:
    """Raise `KeyboardInterrupt` when somebody asked this process to stop, or the run that its kernel belongs to.

    A kernel whose runner is gone does not go on either. Costs microseconds: every step and every action asks.
    """
    if _current is not None and threading.current_thread() is threading.main_thread():
        _current.go_on()
    elif _is_cut_off():
        raise KeyboardInterrupt("somebody asked to stop")


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
            return True
        frame = frame.f_back
    return False


def _is_cut_off() -> bool:
    """Return whether this kernel's runner wants to stop, or has ended; False in what is no such kernel."""
    handle, _, inode = os.environ.get(LIFELINE, "").partition(":")
    try:
        found = os.fstat(int(handle))
    except (OSError, ValueError):
        return False
    if not stat.S_ISSOCK(found.st_mode) or str(found.st_ino) != inode:
        return False  # a process further down inherits the variable, and not the socket
    with socket.socket(fileno=os.dup(int(handle))) as line:
        return _count(line) > 0 or _has_ended(line)


def _peek(line: socket.socket) -> bytes | None:
    with suppress(BlockingIOError):
        return line.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return None


def _count(line: socket.socket) -> int:
    return sum(byte in STOPPING for byte in _peek(line) or b"")


def _has_ended(line: socket.socket) -> bool:
    return _peek(line) == b""
