"""A network that QEMU cannot be by itself: its cards are on one switch, the way out is a VLAN there, and it is IPv6 alone.

A process of its own beside QEMU. passt(1) is the router and the way in; between it and the cards frames get their tag and
lose it. A machine of IPv6 alone fetches its packages through a proxy, which listens on this machine's loopback: passt takes
what is sent to the router there. It ends when QEMU has gone.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROUTER = "passt.sock"
_TAG = b"\x81\x00"
_READ = 1 << 16
_HEAD = 1 << 14


@dataclass(frozen=True)
class Wire:
    """The switch: which VLAN leads out, the machine's address and its router's there, the cards, and the ports on this machine."""

    vlan: int
    address: str
    router: str
    cards: tuple[str, ...]
    ssh_port: int
    proxy_port: int


def socket_of(card: str) -> str:
    """Return the name of the socket at which a card is plugged in, in the machine's folder."""
    return f"wire-{card}.sock"


def tagged(frame: bytes, vlan: int) -> bytes:
    """Return an Ethernet frame with its VLAN's tag (IEEE 802.1Q).

    >>> tagged(bytes(12) + b"\\x86\\xdd" + b"data", 20)[12:18].hex()
    '8100001486dd'
    """
    return frame[:12] + _TAG + vlan.to_bytes(2, "big") + frame[12:]


def untagged(frame: bytes, vlan: int) -> bytes:
    """Return a frame of that VLAN without its tag, b'' for one of another or of none.

    >>> untagged(tagged(bytes(12) + b"\\x86\\xdd" + b"data", 20), 20)[12:]
    b'\\x86\\xdddata'
    >>> untagged(bytes(12) + b"\\x86\\xdd" + b"data", 20), untagged(tagged(bytes(14), 30), 20)
    (b'', b'')
    """
    is_mine = frame[12:14] == _TAG and int.from_bytes(frame[14:16], "big") & 0xFFF == vlan
    return frame[:12] + frame[16:] if is_mine else b""


class Port:
    """The router's side of the switch: the first hardware address in the VLAN is let through, as at many providers.

    passt(1) is made for one machine, and would take each guest behind its bridge for that one.
    """

    def __init__(self) -> None:
        self._own = b""

    def lets(self, frame: bytes) -> bool:
        """Return whether a frame, which is not empty, goes on.

        >>> port = Port()
        >>> [port.lets(bytes(6) + sender * 6 + b"data") for sender in (b"a", b"b", b"a")]
        [True, False, True]
        """
        self._own = self._own or frame[6:12]
        return frame[6:12] == self._own


class Frames:
    """What comes over a stream of frames, each behind its length in four bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def of(self, data: bytes) -> Iterator[bytes]:
        """Give each frame that is whole now.

        >>> frames = Frames()
        >>> list(frames.of(packed(b"one") + packed(b"two")[:5])), list(frames.of(b"wo"))
        ([b'one'], [b'two'])
        """
        self._rest += data
        while len(self._rest) >= 4 and len(self._rest) >= (end := 4 + int.from_bytes(self._rest[:4], "big")):
            frame, self._rest = self._rest[4:end], self._rest[end:]
            yield frame


def packed(frame: bytes) -> bytes:
    """Return a frame behind its length."""
    return len(frame).to_bytes(4, "big") + frame


def run(wire: Wire, folder: Path) -> None:
    """Carry frames between the cards and the router until all cards are unplugged. Raises `OSError`."""
    doors = [_listening(folder / socket_of(card)) for card in wire.cards]
    router, way = _router(wire, folder)
    threading.Thread(target=_proxy, args=(wire.proxy_port,), daemon=True).start()
    try:
        _carry(wire, [door.accept()[0] for door in doors], way)
    finally:
        router.terminate()


def _carry(wire: Wire, cards: list[socket.socket], way: socket.socket) -> None:
    frames, port = {end: Frames() for end in (*cards, way)}, Port()
    with selectors.DefaultSelector() as ready:
        for each in frames:
            ready.register(each, selectors.EVENT_READ, each)
        while True:
            for key, _ in ready.select():
                end = key.data
                data = end.recv(_READ)
                if not data:
                    return
                for frame in frames[end].of(data):
                    if end is way:
                        for card in cards:
                            card.sendall(packed(tagged(frame, wire.vlan)))
                    elif (bare := untagged(frame, wire.vlan)) and port.lets(bare):
                        way.sendall(packed(bare))


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen(1)
    return door


def _router(wire: Wire, folder: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start passt and return it with the connection to it. It gives its rights up, so its folder is one that anyone may enter."""
    place = Path(f"/tmp/runbook-wire-{wire.ssh_port}")
    place.mkdir(mode=0o777, exist_ok=True)
    place.chmod(0o777)
    path = place / ROUTER
    path.unlink(missing_ok=True)
    words = [
        "passt", "--foreground", "--ipv6-only", "--quiet", "--socket", str(path), "--mtu", "1500",
        "--address", wire.address, "--gateway", wire.router, "--tcp-ports", f"::1/{wire.ssh_port}:22",
    ]  # fmt: skip
    log = (folder / "passt.log").open("wb")
    router = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    way = socket.socket(socket.AF_UNIX)
    for _ in range(100):
        with contextlib.suppress(OSError):
            way.connect(str(path))
            return router, way
        if router.poll() is not None:
            break
        time.sleep(0.1)
    raise OSError(f"passt did not begin; see {folder / 'passt.log'}")


def _proxy(port: int) -> None:
    """Serve HTTP's GET for others (RFC 9110), one request a connection, to whoever is on this machine's loopback."""
    door = socket.create_server(("::1", port), family=socket.AF_INET6)
    while True:
        caller, _ = door.accept()
        threading.Thread(target=_fetch, args=(caller,), daemon=True).start()


def _fetch(caller: socket.socket) -> None:
    with caller, contextlib.suppress(OSError, ValueError, IndexError):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _HEAD:
            if not (data := caller.recv(_READ)):
                return
            head += data
        with socket.create_connection(to(head), timeout=60) as server:
            server.sendall(asked(head))
            while data := server.recv(_READ):
                caller.sendall(data)


def to(head: bytes) -> tuple[str, int]:
    """Return the server that a proxy's request is for. Raises `ValueError` or `IndexError` for what is none.

    >>> to(b"GET http://deb.example/debian/x HTTP/1.1\\r\\nHost: deb.example\\r\\n\\r\\n")
    ('deb.example', 80)
    """
    parts = urlsplit(head.split(b" ", 2)[1].decode("ascii"))
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("only http is fetched")
    return parts.hostname, parts.port or 80


def asked(head: bytes) -> bytes:
    """Return the request as the server takes it, which closes the connection behind its answer.

    >>> asked(b"GET http://deb.example/x?y HTTP/1.1\\r\\nHost: deb.example\\r\\nConnection: keep-alive\\r\\n\\r\\n")
    b'GET /x?y HTTP/1.1\\r\\nHost: deb.example\\r\\nConnection: close\\r\\n\\r\\n'
    """
    first, *fields = head.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    method, address, version = first.split(b" ", 2)
    parts = urlsplit(address.decode("ascii"))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [f for f in fields if not f.lower().startswith((b"connection:", b"proxy-"))]
    return b"\r\n".join([b" ".join((method, path.encode(), version)), *kept, b"Connection: close", b"", b""])


def main() -> None:
    """Be the switch of the machine in a folder, as the arguments say."""
    words = argparse.ArgumentParser()
    words.add_argument("folder", type=Path)
    for name, kind in (("vlan", int), ("address", str), ("router", str), ("ssh", int), ("proxy", int)):
        words.add_argument(f"--{name}", type=kind, required=True)
    words.add_argument("--card", action="append", required=True)
    given = words.parse_args()
    run(
        Wire(given.vlan, given.address, given.router, tuple(given.card), given.ssh, given.proxy), given.folder
    )


if __name__ == "__main__":
    main()
