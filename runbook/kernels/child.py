"""A process that was forked: from the first moment, in which it is still the server, to its end."""

from __future__ import annotations

import atexit
import fcntl
import gc
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runbook.kernels.request import LATER, Request

_LAST_WORDS_S = 2.0


def become(request: Request, target: Callable[[], None], line: socket.socket, handles: list[int]) -> None:
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
    # The thread that answered the request to end flushes once more. ipykernel first ends the one that publishes, and the
    # flush then waits ten seconds for nobody; so the thread that answers ends here, before.
    control = IPKernelApp.instance().control_thread
    if control is not None and control.is_alive():
        control.stop()
        control.join(_LAST_WORDS_S)
