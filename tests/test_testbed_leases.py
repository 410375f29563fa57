"""A network that leads nowhere tells of its router all the same: in each answer of DHCP, and in nothing else."""

from __future__ import annotations

import ipaddress
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from runbook.testbed import leases, qemu
from runbook.testbed.errors import TestbedError
from runbook.testbed.leases import Lead, led
from runbook.testbed.wire import Frames, packed

COOKIE = b"\x63\x82\x53\x63"
LEASE = (
    bytes([53, 1, 2])
    + bytes([54, 4, 10, 0, 2, 2])
    + bytes([1, 4, 255, 255, 255, 0])
    + bytes([51, 4, 0, 1, 81, 128])
)


def answer(options: bytes, room: int = 312, ports: tuple[int, int] = (67, 68)) -> bytes:
    """Return a frame as QEMU sends one: its options end somewhere in a place of that size."""
    boot = (bytes(236) + COOKIE + options + b"\xff").ljust(240 + room, b"\0")
    datagram = (
        b"".join(port.to_bytes(2, "big") for port in ports)
        + (8 + len(boot)).to_bytes(2, "big")
        + b"\x12\x34"
        + boot
    )
    head = (
        bytes([0x45, 16])
        + (20 + len(datagram)).to_bytes(2, "big")
        + bytes([0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 2, 2])
        + b"\xff" * 4
    )
    return b"\xff" * 6 + bytes(6) + b"\x08\x00" + head + datagram


def options_of(frame: bytes) -> dict[int, bytes]:
    """Return the options of a frame's message, whose lengths are those of the frame, and whose sum is right."""
    head = frame[14:34]
    assert int.from_bytes(head[2:4], "big") == len(frame) - 14
    assert int.from_bytes(frame[38:40], "big") == len(frame) - 34
    assert leases._sum(head) == 0
    found, at = dict[int, bytes](), 14 + 20 + 8 + 240
    while frame[at] != 255:
        size = frame[at + 1]
        found[frame[at]] = frame[at + 2 : at + 2 + size]
        at += 2 + size
    return found


@pytest.mark.parametrize("room", [len(LEASE) + 1, 312], ids=["no room", "room"])
def test_an_answer_of_dhcp_tells_of_router_and_name_server(room: int) -> None:
    """Whatever else it says stays; lengths and sums are those of what comes out."""
    found = options_of(led(answer(LEASE, room), "10.0.2.2", "10.0.2.3"))
    assert found[3] == ipaddress.IPv4Address("10.0.2.2").packed
    assert found[6] == ipaddress.IPv4Address("10.0.2.3").packed
    assert found[53] == b"\x02"
    assert found[51] == bytes([0, 1, 81, 128])
    assert 6 not in options_of(led(answer(LEASE, room), "10.0.2.2", ""))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(14),
        b"\xff" * 12 + b"\x08\x06" + bytes(28),
        answer(LEASE, ports=(68, 67)),
        answer(LEASE).replace(COOKIE, b"none"),
        answer(LEASE)[:300].replace(b"\xff\0", b"\x01\x01"),
        answer(LEASE + bytes([3, 4, 10, 0, 2, 1, 6, 4, 10, 0, 2, 1])),
    ],
    ids=["empty", "cut", "arp", "question", "no DHCP", "no end", "told already"],
)
def test_anything_else_goes_on_as_it_came(frame: bytes) -> None:
    """Also what is cut, or tells of a router itself."""
    assert led(frame, "10.0.2.2", "10.0.2.3") == frame


def test_a_card_of_such_a_network_meets_it_in_the_process_beside() -> None:
    """Network and stream share a hub, the card has its own name, by which its cable is pulled; other cards are as ever."""
    nics = (
        qemu.Nic(
            "uplink",
            "virtio-net-pci",
            "0x3",
            "",
            "10.0.2.0/24",
            restrict=True,
            router="10.0.2.2",
            names="10.0.2.3",
        ),
        qemu.INSIDE,
        qemu.Nic("net2", "e1000e", "0x5", "", "10.0.9.0/24", restrict=True, router="10.0.9.2"),
    )
    spec = qemu.Spec(1, nics=nics)
    assert spec.leads == (Lead("uplink", "10.0.2.2", "10.0.2.3"), Lead("net2", "10.0.9.2"))
    words = qemu.command(spec)
    nets = [words[at + 1] for at, word in enumerate(words) if word == "-netdev"]
    hubs = [net.split(",")[1:] for net in nets if net.startswith("hubport")]
    assert [hub[1:] for hub in hubs] == [
        ["hubid=1", "netdev=uplink-net"], ["hubid=1", "netdev=uplink-net-wire"],
        ["hubid=2", "netdev=net2-net"], ["hubid=2", "netdev=net2-net-wire"],
    ]  # fmt: skip
    assert nets[0].startswith("user,id=uplink-net,")
    assert ",restrict=on" in nets[0]
    assert "hostfwd=" in nets[0]
    assert nets[4] == "stream,id=uplink,server=off,addr.type=unix,addr.path=lease-uplink-card.sock"
    assert nets[5].startswith("user,id=inside,")
    assert [word for word in words if word.startswith("virtio-net-pci,netdev=uplink,")]
    assert len({net.split(",")[1] for net in nets}) == len(nets)


def test_frames_are_carried_both_ways_and_it_ends_with_the_emulator(tmp_path: Path) -> None:
    """Each card with its own network; an answer of DHCP is told of the way, a question is not."""
    leads = (Lead("uplink", "10.0.2.2", "10.0.2.3"), Lead("net2", "10.0.9.2"))
    leases.begin(tmp_path, leads)
    ends = {}
    for lead in leads:
        for path in leases.sockets_of(lead.card):
            ends[path] = socket.socket(socket.AF_UNIX)
            ends[path].settimeout(60)
            ends[path].connect(str(tmp_path / path))
    card, net = (ends[path] for path in leases.sockets_of("net2"))
    card.sendall(packed(answer(LEASE, ports=(68, 67))))
    assert next(_frames(net)) == answer(LEASE, ports=(68, 67))
    net.sendall(packed(answer(LEASE)))
    assert options_of(next(_frames(card)))[3] == bytes([10, 0, 9, 2])
    for end in ends.values():
        end.close()
    until = time.monotonic() + 60
    while _runs(tmp_path):
        assert time.monotonic() < until
        time.sleep(0.1)


def _runs(folder: Path) -> bool:
    """Return whether the process of that folder runs."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return any(str(folder).encode() in line and b"runbook.testbed.leases" in line for line in lines)


def _frames(end: socket.socket) -> Any:
    frames = Frames()
    while data := end.recv(1 << 16):
        yield from frames.of(data)


def test_what_does_not_start_beside_it_is_said(tmp_path: Path) -> None:
    """With its last words; and QEMU is not started then."""
    with pytest.raises(TestbedError, match=r"(?s)told of their router.*No such file"):
        leases.begin(tmp_path, (Lead("no/where", "10.0.2.2"),))
    leases.begin(tmp_path, ())


def test_it_does_not_wait_for_ever_for_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU may have refused its words: nobody plugs a card in then."""
    monkeypatch.setattr(leases, "_COMES_S", 0.1)
    monkeypatch.chdir(tmp_path)
    doors = [(leases._listening("card"), leases._listening("net"))]
    with pytest.raises(TimeoutError):
        leases.serve((Lead("uplink", "10.0.2.2"),), doors)
    for door in doors[0]:
        door.close()
