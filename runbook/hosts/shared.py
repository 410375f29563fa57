"""One ssh connection for all of a run: opened while the first kernel starts, and closed when the run has ended."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from runbook.errors import ParamsError, Refused
from runbook.hosts import control
from runbook.hosts.control import Line
from runbook.hosts.exchange import stop
from runbook.hosts.ssh import SshHost
from runbook.params import HostParams, find
from runbook.params.host import Ssh

_CONNECT_S, _CLOSE_S = 5, 10
"""How long the host may take to answer here; a kernel waits longer, says what is wrong, and opens it itself."""
# A shell of its own closes it, also when the run is killed: its standard input ends with the run's process. A
# kernel that was forked may hold the other end for longer, so a line ends it too. What is still at work over it on
# the host (a package that is being installed, when the run was killed) is not cut off: the connection ends with it.
_KEEP = """{open} </dev/null >/dev/null 2>&1
rm -f -- {mark}
read -r _
[ ! -S {socket} ] || {close} </dev/null >/dev/null 2>&1"""


@contextmanager
def shared(params: HostParams) -> Iterator[Line | None]:
    """Give the line of a run, which is closed at the end; None where the host is not reached by ssh.

    Nothing is wrong when the connection cannot be opened: whoever uses it opens it then, and says why it cannot.
    """
    connection = params.connection
    with contextlib.ExitStack() as stack:
        line = None
        if isinstance(connection, Ssh):
            with contextlib.suppress(ParamsError, Refused):  # a kernel meets the same, and says it
                config, line = find(connection.config) if connection.config else None, control.new()
                host = SshHost(connection.to, config, line=line, is_asked=connection.login == "keyboard")
                stack.callback(_close, host, _opened(host))
        yield line


def _opened(host: SshHost) -> subprocess.Popen[bytes]:
    """Return what has begun to open the connection, and will close it."""
    socket, null = host.socket(), subprocess.DEVNULL
    mark = control.opening(socket)
    script = _KEEP.format(
        open=shlex.join(host.opening(_CONNECT_S)),
        mark=shlex.quote(str(mark)),
        socket=shlex.quote(str(socket)),
        close=shlex.join(host.ordering("stop")),
    )
    mark.touch(mode=0o600)
    argv = ("sh", "-c", script)
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True)


def _close(host: SshHost, keeper: subprocess.Popen[bytes]) -> None:
    """Close the connection, or give it up where it is still being opened."""
    mark = control.opening(host.socket())
    if mark.exists():
        stop(keeper)
        mark.unlink(missing_ok=True)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        keeper.communicate(b"\n", timeout=_CLOSE_S)
    stop(keeper)
    host.hang_up()
