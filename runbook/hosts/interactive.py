"""What a person has open on a host for a while: a program on its terminal, or a port of it on this machine's loopback."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
from collections.abc import Iterator
from typing import cast

from runbook.controller.signals import go_on
from runbook.errors import CommandFailed, Refused
from runbook.hosts.base import Host
from runbook.hosts.local import LocalHost
from runbook.hosts.ssh import SshHost

HERE = "127.0.0.1"
OPEN_S = 30


def terminal(host: Host, argv: tuple[str, ...], *, by_sudo: bool) -> int:
    """Run a program of the host on this terminal until it ends, and return its status; sudo asks there itself.

    Raises `Refused` for a host that does not exist.
    """
    go_on()
    line = shlex.join((("sudo", "--") if by_sudo else ()) + argv)
    if isinstance(host, LocalHost):
        return subprocess.run(["sh", "-c", line], check=False).returncode
    return subprocess.run(_as_we_come(_ssh(host), line, "-t"), check=False).returncode


@contextlib.contextmanager
def port(host: Host, address: str, number: int) -> Iterator[tuple[int, subprocess.Popen[bytes] | None]]:
    """Give the port of this machine's loopback that leads to a port of the host's, over the connection that is open.

    With it comes what holds the connection open, whose end means that the way is gone; None on this very machine, where
    the port is the host's own. Raises `Refused` for a host that does not exist, `CommandFailed` when ssh will not.
    """
    go_on()
    if isinstance(host, LocalHost):
        yield number, None
        return
    ssh = _ssh(host)
    with socket.socket() as free:
        free.bind((HERE, 0))
        here = cast("int", free.getsockname()[1])
    way = f"{HERE}:{here}:{address}:{number}"
    null = subprocess.DEVNULL
    # A session that only waits keeps the shared connection open, however long nobody looks.
    with subprocess.Popen(
        _as_we_come(ssh, "echo; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=null
    ) as held:
        try:
            if held.stdout:
                held.stdout.readline()
            _order(ssh, "forward", way)
            yield here, held
        finally:
            with contextlib.suppress(CommandFailed, Refused, subprocess.TimeoutExpired):
                _order(ssh, "cancel", way)
            if held.stdin:
                with contextlib.suppress(OSError):
                    held.stdin.close()
            held.terminate()


def _as_we_come(ssh: SshHost, line: str, *options: str) -> list[str]:
    """Return the argv that runs a shell line over the shared connection as whoever comes there, not as root by sudo."""
    command = ssh.transport("")
    at = command.index("--")
    return [*command[:at], *options, *command[at:-1], line]


def _order(ssh: SshHost, order: str, way: str) -> None:
    """Have the shared connection open or close a way (ssh(1), -O)."""
    command = ssh.ordering(order)
    at = command.index("--")
    argv = [*command[:at], "-L", way, *command[at:]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=OPEN_S, check=False)
    if done.returncode:
        raise CommandFailed(
            f"ssh does not lead to the port {way.rpartition(':')[2]} of {ssh.describe}",
            why=done.stderr.strip() or f"ssh -O {order} ended with {done.returncode}",
            do="see that its sshd allows it: AllowTcpForwarding yes, or local (sshd_config(5))",
        )


def _ssh(host: Host) -> SshHost:
    if isinstance(host, SshHost):
        return host
    raise Refused(
        "A recorded host has no screens and no consoles",
        why=f"{host.describe} only answers what it was asked once",
        do="name the parameters of a real host",
    )
