"""A network that leads nowhere tells of its router and its name server all the same, as the network does that it stands for.

QEMU's own DHCP leaves both out where it restricts a network (libslirp, bootp.c): a machine that leases its address would have no way
out that it could lose, and a card that is proven nobody to ask. So a process of its own beside QEMU carries the frames between such a
network and its card, and adds the two to each answer of DHCP; what the network lets through stays QEMU's business.
It ends when QEMU has gone.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runbook.testbed.errors import TestbedError
from runbook.testbed.wire import Frames, packed

_READ = 1 << 16
_COMES_S = 120
"""How long QEMU may take to plug its cards in."""
_IPV4, _UDP, _FROM_DHCP = b"\x08\x00", 17, b"\x00\x43\x00\x44"
_COOKIE = b"\x63\x82\x53\x63"
_ROUTER, _NAMES, _END = 3, 6, 255
_LEAST = 300
"""The bytes that a message of BOOTP has at least (RFC 1542)."""


@dataclass(frozen=True)
class Lead:
    """A card by its name, and what its network tells of."""

    card: str
    router: str
    names: str = ""
    """The name server, '' for none."""


def sockets_of(card: str) -> tuple[str, str]:
    """Return the sockets at which a card and its network are plugged in, in the machine's folder."""
    return f"lease-{card}-card.sock", f"lease-{card}-net.sock"


def begin(folder: Path, leads: tuple[Lead, ...]) -> None:
    """Start the process of a machine's cards, if it has such; QEMU can plug them in then. Raises `TestbedError`."""
    if not leads:
        return
    args = [arg for lead in leads for arg in ("--lead", lead.card, lead.router, lead.names)]
    log = folder / "leases.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "runbook.testbed.leases", str(folder), *args],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            check=False,
        )
    if done.returncode:
        raise TestbedError(
            "the virtual PC's networks cannot be told of their router",
            where=str(log),
            why=log.read_text(errors="replace")[-2000:],
            next_move="mend what it names, and try again",
        )


def led(frame: bytes, router: str, names: str) -> bytes:
    """Return a frame of Ethernet; one with an answer of DHCP tells of the router and the name server (RFC 2132), if it told of none."""
    udp = 14 + (frame[14] & 15) * 4 if len(frame) > 34 else 0
    is_answer = frame[12:14] == _IPV4 and frame[23:24] == bytes([_UDP]) and frame[udp : udp + 4] == _FROM_DHCP
    boot = frame[udp + 8 :]
    if not is_answer or boot[236:240] != _COOKIE:
        return frame
    told, end = _options(boot)
    more = b"".join(
        bytes([number, 4]) + ipaddress.IPv4Address(value).packed
        for number, value in ((_ROUTER, router), (_NAMES, names))
        if value and number not in told
    )
    if not more or not end:
        return frame
    boot = (boot[:end] + more + bytes([_END])).ljust(max(_LEAST, len(boot)), b"\0")
    size = len(boot) + 8
    # Without a sum of its own, as IPv4 allows (RFC 768).
    datagram = frame[udp : udp + 4] + size.to_bytes(2, "big") + b"\0\0" + boot
    head = frame[14:16] + (udp - 14 + size).to_bytes(2, "big") + frame[18:24] + b"\0\0" + frame[26:udp]
    return frame[:14] + head[:10] + _sum(head).to_bytes(2, "big") + head[12:] + datagram


def _options(boot: bytes) -> tuple[set[int], int]:
    """Return the numbers of a message's options and where their end is noted, 0 where it is not."""
    told, at = set[int](), 240
    while at < len(boot) and boot[at] != _END:
        if boot[at]:
            told.add(boot[at])
            at += 1 + (boot[at + 1] if at + 1 < len(boot) else 0)
        at += 1
    return told, at if at < len(boot) else 0


def _sum(head: bytes) -> int:
    """Return the sum of an IPv4 header (RFC 1071).

    >>> hex(_sum(bytes.fromhex("450000730000400040110000c0a80001c0a800c7")))
    '0xb861'
    """
    total = sum(int.from_bytes(head[n : n + 2], "big") for n in range(0, len(head), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def serve(leads: tuple[Lead, ...], doors: Sequence[tuple[socket.socket, socket.socket]]) -> None:
    """Carry frames between the cards and their networks until all are unplugged. Raises `OSError` when QEMU does not come."""
    threads = []
    for lead, (for_card, for_net) in zip(leads, doors, strict=True):
        card, net = for_card.accept()[0], for_net.accept()[0]

        def tell(frame: bytes, lead: Lead = lead) -> bytes:
            return led(frame, lead.router, lead.names)

        threads += [
            threading.Thread(target=_carry, args=(card, net, lambda frame: frame)),
            threading.Thread(target=_carry, args=(net, card, tell)),
        ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _listening(name: str) -> socket.socket:
    Path(name).unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.settimeout(_COMES_S)
    door.bind(name)
    door.listen(1)
    return door


def _carry(source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]) -> None:
    """Carry frames from one end to the other, each in a thread: a card that nobody drives holds up no other."""
    frames = Frames()
    with suppress(OSError):
        while data := source.recv(_READ):
            for frame in frames.of(data):
                target.sendall(packed(change(frame)))


def main() -> None:
    """Serve the cards of the machine in a folder, as the arguments say."""
    given = argparse.ArgumentParser()
    given.add_argument("folder", type=Path)
    given.add_argument("--lead", nargs=3, action="append", required=True, metavar=("CARD", "ROUTER", "NAMES"))
    found = given.parse_args()
    os.chdir(found.folder)  # the path of a socket has at most 108 bytes, and folders may lie deep
    leads = tuple(Lead(*one) for one in found.lead)
    doors = [(_listening(card), _listening(net)) for card, net in (sockets_of(lead.card) for lead in leads)]
    if not os.fork():  # who began it goes on as soon as it listens
        serve(leads, doors)


if __name__ == "__main__":
    main()
