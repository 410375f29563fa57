"""The one way out of a virtual PC whose network leads nowhere: apt's, to the package sources of this controller.

QEMU starts it for each connection to the door's address (`guestfwd`), with the connection as standard input and output.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress

from runbook.testbed.wire import asked, to

PORT = 3142
_READ, _HEAD, _LONGEST_S = 1 << 16, 1 << 14, 60
_NO = b"HTTP/1.1 403 It is no package source of the controller's\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def servers(text: str) -> tuple[str, ...]:
    """Return the servers of package sources, each with its port.

    >>> servers("URIs: http://deb.example/debian https://[fd00::1]:8443/debian")
    ('[fd00::1]:8443', 'deb.example:80')
    """
    found = re.findall(
        r"\b(https?)://(?:[^\s/@]*@)?(\[[0-9A-Fa-f:]+\]|[\w.-]+)(?::(\d{1,5}))?(?=[/\s]|$)", text
    )
    return tuple(
        sorted({f"{host}:{port or ('443' if kind == 'https' else '80')}" for kind, host, port in found})
    )


def forward(address: str, leads_to: Iterable[str]) -> str:
    """Return what QEMU's network has to be told, so that the door is at an address of it."""
    command = shlex.join([sys.executable, "-m", "runbook.rehearsal.door", *leads_to])
    return f"tcp:{address}:{PORT}-cmd:{command}"


def serve(caller: socket.socket, leads_to: Iterable[str]) -> None:
    """Answer one request of a proxy (RFC 9110) by one of the servers, and by a refusal for any other. Raises `OSError`."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD:
        if not (data := caller.recv(_READ)):
            return
        head += data
    is_tunnel = head.startswith(b"CONNECT ")
    try:
        host, port = _tunnel(head) if is_tunnel else to(head)
    except (ValueError, IndexError):
        host, port = "", 0
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if named not in {*leads_to}:
        caller.sendall(_NO)
        return
    with socket.create_connection((host, port), timeout=_LONGEST_S) as server:
        if is_tunnel:
            caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=_carry, args=(caller, server), daemon=True).start()
        else:
            server.sendall(asked(head))
        _carry(server, caller)


def _tunnel(head: bytes) -> tuple[str, int]:
    host, _, port = head.split(b" ", 2)[1].decode("ascii").rpartition(":")
    return host.strip("[]"), int(port)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_READ):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def main() -> None:
    """Serve the connection that is standard input; nothing but the answer is written to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with socket.socket(fileno=os.dup(0)) as caller, suppress(OSError):
        serve(caller, sys.argv[1:])


if __name__ == "__main__":
    main()
