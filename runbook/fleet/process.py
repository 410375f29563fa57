"""The process of one host's run: forked where that can be, else started anew."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from runbook.kernels import server as servers
from runbook.kernels.forked import Forked, Lost, NotForked, Stale

CHILD = "runbook.fleet.child"
Process = subprocess.Popen[bytes] | Forked


def start(command: Sequence[str], argument: str, env: Mapping[str, str], cwd: str) -> Process:
    """Return the process of a host, with pipes to and from it, in a group of its own.

    Ctrl-C in this terminal reaches this process alone, which passes it on once. `command` is another program than the usual.
    Raises `OSError`.
    """
    if not command:
        try:
            return _forked(argument, env, cwd)
        except Stale:
            servers.close()
        except Lost as why:
            servers.close(instead=why)
        except NotForked:
            pass
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*(command or (sys.executable, "-P", "-m", CHILD)), argument],
        stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True,
    )  # fmt: skip


def _forked(argument: str, env: Mapping[str, str], cwd: str) -> Forked:
    """Return a process that asks for its kernels where it came from itself. Raises `NotForked`, and `OSError`."""
    server = servers.server()
    lent, handle = server.lent()
    with ExitStack() as theirs, ExitStack() as mine:
        stdin, to = os.pipe()
        back, stdout = os.pipe()
        for end in (stdin, stdout):
            theirs.callback(os.close, end)
        streams = mine.enter_context(os.fdopen(to, "wb")), mine.enter_context(os.fdopen(back, "rb"))
        handles = {0: stdin, 1: stdout, 2: stdout, handle: handle}
        child = server.fork(
            f"{CHILD}:main", [CHILD, argument], cwd, {**env, **lent}, handles, f"{CHILD}:prepare"
        )
        child.stdin, child.stdout = streams
        mine.pop_all()
    return child
