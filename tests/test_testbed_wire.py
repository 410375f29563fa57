"""The testbed's own switch: frames get and lose their tag, and packages come by its proxy."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from runbook.testbed import hardware, qemu, wire
from runbook.testbed.errors import TestbedError
from runbook.testbed.wire import Wire, packed, tagged

SWITCH = Wire(20, "fd00:2::20", "fd00:2::2", ("one", "two"), 40022, 43142)
FRAME = bytes(range(12)) + b"\x86\xdd" + b"data"


def received(end: socket.socket, size: int) -> bytes:
    """Return so many bytes of a stream."""
    found = b""
    while len(found) < size:
        found += end.recv(size - len(found))
    return found


def test_frames_cross_the_switch() -> None:
    """What the router sends arrives tagged at both cards; what a card sends with the tag arrives bare, all else nowhere."""
    pairs = [socket.socketpair() for _ in range(3)]
    for pair in pairs:
        pair[0].settimeout(10)
    (one, card1), (two, card2), (router, way) = pairs
    switch = threading.Thread(target=wire._carry, args=(SWITCH, [card1, card2], way))
    switch.start()
    router.sendall(packed(FRAME))
    for card in (one, two):
        assert received(card, 4 + len(FRAME) + 4) == packed(tagged(FRAME, 20))
    two.sendall(packed(FRAME) + packed(tagged(FRAME, 30)) + packed(tagged(FRAME, 20)))
    assert received(router, 4 + len(FRAME)) == packed(FRAME)
    router.setblocking(False)
    with pytest.raises(BlockingIOError):
        router.recv(1)
    one.close()
    switch.join(10)
    assert not switch.is_alive()
    for pair in pairs:
        for end in pair:
            end.close()


def test_the_proxy_fetches_from_the_server_that_was_named() -> None:
    """A proxy's request becomes the server's own, and the answer comes back whole."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a package")

        def log_message(self, *_said: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.handle_request).start()
        near, far = socket.socketpair()
        threading.Thread(target=wire._fetch, args=(far,)).start()
        near.settimeout(10)
        near.sendall(f"GET http://127.0.0.1:{server.server_port}/pool/x HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        said = b""
        while data := near.recv(1000):
            said += data
        near.close()
    assert asked == ["/pool/x"]
    assert said.endswith(b"\r\n\r\na package")


def test_cards_are_plugged_into_the_switch() -> None:
    """A card of the switch has no network of QEMU's own, and nothing is forwarded to it."""
    cards = tuple(
        qemu.Nic(name, "e1000e", addr, "52:54:00:00:00:01", "")
        for name, addr in (("one", "0x3"), ("x", "0x4"))
    )
    words = qemu.command(qemu.Spec(1, nics=cards, wire=SWITCH))
    assert [w.split(",")[:2] for w in words if w.startswith(("stream", "user"))] == [
        ["stream", "id=one"],
        ["user", "id=x"],
    ]


def test_a_switch_that_does_not_start_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said, and what is to be installed, are in the error."""
    monkeypatch.setattr(hardware.sys, "executable", "false")
    with pytest.raises(TestbedError, match=r"(?s)switch did not start.*testbed-deps"):
        hardware._plugged(tmp_path, SWITCH)
