"""The one way out of a virtual PC whose network leads nowhere: apt's, to the package sources of this controller.

QEMU starts it for each connection to the door's address (`guestfwd`), with the connection as standard input and output.
A source that sends apt on to another server is followed from here: apt would ask the door for that server, and be refused. Behind
CONNECT nobody sees where a source sends apt; the refusal names the server then.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from runbook.testbed.wire import asked, to

PORT = 3142
_READ, _HEAD, _LONGEST_S = 1 << 16, 1 << 14, 60
_NO = "HTTP/1.1 403 {} is no package source of the controller's\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ROUND = b"HTTP/1.1 508 The package source sends from server to server\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_MOST = 5
"""How often a package source may send on."""
_MOVED = re.compile(rb"HTTP/1\.[01] 30[12378]\b")
_PORTS = {"http": 80, "https": 443}


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
    head = _head(caller)
    is_tunnel = head.startswith(b"CONNECT ")
    try:
        host, port = _tunnel(head) if is_tunnel else to(head)
    except (ValueError, IndexError):
        host, port = "", 0
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not head:
        return
    if named not in {*leads_to}:
        caller.sendall(_NO.format(named if re.fullmatch(r"[\w.:\[\]-]+", named) and host else "It").encode())
    elif is_tunnel:
        with socket.create_connection((host, port), timeout=_LONGEST_S) as server:
            caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=_carry, args=(caller, server), daemon=True).start()
            _carry(server, caller)
    else:
        _fetch(caller, head)


def _head(source: socket.socket) -> bytes:
    """Return what comes until a message's head is whole, b'' where it never is."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD:
        if not (data := source.recv(_READ)):
            return b""
        head += data
    return head


def _fetch(caller: socket.socket, head: bytes) -> None:
    """Answer a request by the server that has the file, wherever its source sends on to. Raises `OSError`."""
    first = ""
    for _ in range(_MOST):
        url = head.split(b" ", 2)[1].decode("ascii")
        with _server(url) as server:
            peer = server.getpeername()[0]
            first = first or peer
            if is_own(peer) and not is_own(first):
                caller.sendall(_NO.format("What the package source sends on to").encode())
                return
            server.sendall(asked(head))
            answer = _head(server)
            if not (elsewhere := moved(answer, url)) or not head.startswith((b"GET ", b"HEAD ")):
                caller.sendall(answer)
                _carry(server, caller)
                return
        head = sent_on(head, elsewhere)
    caller.sendall(_ROUND)


def is_own(address: str) -> bool:
    """Return whether an address is this machine's alone: no source from outside leads the door to what listens there.

    >>> is_own("127.0.0.1"), is_own("::ffff:127.0.0.1"), is_own("fe80::1%eth0"), is_own("192.168.1.5")
    (True, True, True, False)
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_link_local


def moved(answer: bytes, url: str) -> str:
    """Return the address that an answer sends on to, '' for one that does not.

    >>> moved(b"HTTP/1.1 302 Found\\r\\nLocation: /there/x\\r\\n\\r\\n", "http://deb.example/x")
    'http://deb.example/there/x'
    """
    found = re.search(rb"(?im)^Location:[ \t]*(\S+)[ \t]*\r?$", answer.partition(b"\r\n\r\n")[0])
    if not _MOVED.match(answer) or not found:
        return ""
    address = urljoin(url, found[1].decode("latin-1"))
    parts = urlsplit(address)
    return address if address.isascii() and parts.scheme in _PORTS and parts.hostname else ""


def sent_on(head: bytes, url: str) -> bytes:
    """Return a request as it goes on to another address.

    >>> sent_on(b"GET http://a/x HTTP/1.1\\r\\nHost: a\\r\\nRange: bytes=1-\\r\\n\\r\\n", "https://b:8/y")
    b'GET https://b:8/y HTTP/1.1\\r\\nHost: b:8\\r\\nRange: bytes=1-\\r\\n\\r\\n'
    """
    first, *fields = head.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    method, _, version = first.split(b" ", 2)
    kept = [field for field in fields if not field.lower().startswith((b"host:", b"authorization:"))]
    host = urlsplit(url).netloc.rpartition("@")[2].encode()
    return b"\r\n".join([b" ".join((method, url.encode(), version)), b"Host: " + host, *kept, b"", b""])


def _server(url: str) -> socket.socket:
    """Return a connection to an address's server. Raises `OSError`."""
    parts = urlsplit(url)
    found = socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), timeout=_LONGEST_S)
    if parts.scheme == "https":
        import ssl  # only here: the door is opened anew for each file

        return ssl.create_default_context().wrap_socket(found, server_hostname=parts.hostname)
    return found


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
