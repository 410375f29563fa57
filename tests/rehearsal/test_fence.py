"""A virtual PC like a host reaches nobody: what its owner wrote to run by itself stays away, and apt alone has a way out."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from runbook.facts import identity, likeness, system
from runbook.facts.likeness import File
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.rehearsal import building, described, disks, door, fence, files, looked, parameters
from runbook.testbed import qemu
from runbook.testbed.machine import Machine
from tests.rehearsal.test_described import CAPTURES, KVM

SOURCES = [File("/etc/apt/sources.list", "0644", "root:root", "deb http://deb.example/debian trixie main\n")]


def made(folder: Path = KVM, **answers: Any) -> described.Twin:
    """Return the twin of a captured machine."""
    seen = looked.at_capture(None, folder)
    return described.describe(seen.facts, seen.params, SOURCES)


def unit(name: str, text: str) -> str:
    return f"= 0644 root:root /etc/systemd/system/{name}\n" + "".join(
        f" {line}\n" for line in text.splitlines()
    )


OWN = (
    unit("backup.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target")
    + unit("backup.service", "[Service]\nExecStart=/usr/bin/restic backup /srv")
    + unit("agent.service", "[Unit]\nAfter=network-online.target\n[Install]\nWantedBy=multi-user.target")
    + unit("wall.service", "[Unit]\nBefore=network-pre.target\n[Service]\nExecStart=/usr/sbin/wall")
    + unit("ssh.service.d/port.conf", "[Service]\nNice=5")
    + unit("srv.mount", "[Mount]\nWhat=/dev/vdb1\nWhere=/srv")
    + "= 0644 root:root /etc/apt/apt.conf.d/10own\n"
    + ' Acquire::http::Proxy "http://192.168.7.7:3142"; APT::Periodic::Enable "0";\n'
)
LINKS = (
    "/etc/systemd/system/timers.target.wants/backup.timer\t/etc/systemd/system/backup.timer\n"
    "/etc/systemd/system/multi-user.target.wants/agent.service\t/etc/systemd/system/agent.service\n"
    "/etc/systemd/system/helper.service\tagent.service\n"
    "/etc/systemd/system/multi-user.target.wants/ssh.service\t/usr/lib/systemd/system/ssh.service\n"
    "/etc/systemd/system/backup.service\t/dev/null\n"
)


def test_what_the_owner_wrote_to_run_by_itself_stays_away() -> None:
    """Timers, services and what switches them on are not carried, and named; what the network waits for, settings and masks are."""
    said = {likeness.COMMANDS[0]: OWN, likeness.COMMANDS[1]: LINKS}
    seen = likeness.parse(Facts({ask: Answer(0, said.get(ask, "")) for ask in likeness.COMMANDS}))
    found = files.read(seen, (), disks.Disks())
    carried = {Path(file.path).name: file.text for file in found.carried}
    assert set(carried) == {"wall.service", "port.conf", "srv.mount", "10own", "zzz-rehearsal.cfg"}
    assert carried["10own"].strip() == 'APT::Periodic::Enable "0";'
    assert [path.rpartition("/")[2] for path, _ in found.links] == ["ssh.service", "backup.service"]
    told = next(clause for clause in found.unlike if "stay away" in clause)
    for name in ("backup.timer", "backup.service", "agent.service"):
        assert f"/etc/systemd/system/{name}" in told
    assert fence.NOTHING_OUT in found.unlike
    assert fence.NO_CRON in found.unlike


@pytest.mark.parametrize("folder", [KVM, CAPTURES / "xen"], ids=["kvm", "xen"])
def test_every_card_leads_nowhere_but_to_package_sources(folder: Path) -> None:
    """QEMU restricts each network; the uplink alone has the door, at an address of its network that nobody else has."""
    twin = made(folder)
    words = qemu.command(building.spec_of(twin.description))
    nets = [word for word in words if word.startswith("user,")]
    assert nets
    assert all(",restrict=on" in net for net in nets)
    assert [net for net in nets if "guestfwd" in net] == nets[:1]
    [forward] = re.findall(r",guestfwd=tcp:([\d.]+):3142-cmd:(.*?),hostfwd=", nets[0])
    assert forward[1].endswith("-m runbook.rehearsal.door deb.example:80")
    taken = re.findall(r"(?:host|dns|dhcpstart)=([\d.]+)", nets[0])
    assert forward[0] not in taken
    own = next(file for file in twin.files.carried if file.path == fence.OWN_WAY)
    assert (
        own.text
        == "".join(f'Acquire::{kind}::Proxy "http://{forward[0]}:3142";\n' for kind in ("http", "https"))
        + 'Acquire::http::Pipeline-Depth "0";\n'
    )
    assert fence.NOTHING_OUT in twin.unlike


def test_the_plain_system_leads_nowhere_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disks are made the host's packages run there already."""
    seen: list[qemu.Spec] = []
    monkeypatch.setattr(building, "base_image", lambda *_: SimpleNamespace())
    monkeypatch.setattr(building, "image_key", lambda *_: "")
    monkeypatch.setattr(building, "default_recipe", lambda release: building.Recipe(sources=()))
    monkeypatch.setattr(building.layout, "moved_in", lambda *args: seen.append(args[4]))
    building.base(made(), lambda _: None)
    assert [nic.restrict for nic in seen[0].nics] == [True]


class Mirror:
    """A server that answers what it was asked with how it was asked."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.name = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.heads: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with suppress(OSError), self.socket.accept()[0] as caller:
            self.heads.append(caller.recv(1 << 16))
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    found = Mirror()
    yield found
    with suppress(OSError):
        found.socket.shutdown(socket.SHUT_RDWR)  # whoever waits there ends
    found.thread.join(30)
    found.socket.close()


def through(request: bytes, *leads_to: str) -> bytes:
    """Return what the door answers to a request."""
    mine, its = socket.socketpair()

    def serve() -> None:
        with its:
            door.serve(its, leads_to)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    mine.sendall(request)
    mine.settimeout(30)
    found = b""
    while data := mine.recv(1 << 16):
        found += data
        if (
            found.startswith(b"HTTP/1.1 200 OK\r\n\r\n")
            and b"hello" not in found
            and request.startswith(b"CONNECT")
        ):
            mine.sendall(b"GET /x HTTP/1.1\r\n\r\n")
    thread.join(30)
    mine.close()
    return found


def test_the_door_leads_to_a_package_source(mirror: Mirror) -> None:
    """The request goes on as the server takes it, and the answer comes back whole."""
    found = through(f"GET http://{mirror.name}/debian/x HTTP/1.1\r\nHost: x\r\n\r\n".encode(), mirror.name)
    assert found.endswith(b"\r\n\r\nhello")
    assert mirror.heads[0].startswith(b"GET /debian/x HTTP/1.1\r\n")


def test_the_door_leads_through_for_https(mirror: Mirror) -> None:
    """After CONNECT both ends speak with each other."""
    found = through(f"CONNECT {mirror.name} HTTP/1.1\r\n\r\n".encode(), mirror.name)
    assert found.endswith(b"hello")
    assert mirror.heads == [b"GET /x HTTP/1.1\r\n\r\n"]


@pytest.mark.parametrize(
    "request_",
    [
        "GET http://{name}/x HTTP/1.1\r\n\r\n",
        "CONNECT {name} HTTP/1.1\r\n\r\n",
        "CONNECT nas:ssh HTTP/1.1\r\n\r\n",
        "GET ftp://{name}/x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
    ],
)
def test_the_door_leads_nowhere_else(mirror: Mirror, request_: str) -> None:
    """A server that is no package source, or what is no request of a proxy: refused, and nobody is called."""
    assert through(request_.format(name=mirror.name).encode(), "deb.example:80").startswith(b"HTTP/1.1 403 ")
    assert mirror.heads == []


class Moving(Mirror):
    """A server that sends on, as often as it is asked, to another address."""

    to, says = "", b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self.socket.accept()
                with caller:
                    self.heads.append(caller.recv(1 << 16))
                    caller.sendall(self.says.replace(b"%s", self.to.encode()))


@pytest.fixture
def moving() -> Iterator[Moving]:
    found = Moving()
    yield found
    with suppress(OSError):
        found.socket.shutdown(socket.SHUT_RDWR)
    found.thread.join(30)
    found.socket.close()


def test_a_source_that_sends_on_is_followed(mirror: Mirror, moving: Moving) -> None:
    """To the server that has the file, though apt itself may not go there; what is asked beside the address stays."""
    moving.to = f"http://{mirror.name}/pool/x"
    request = f"GET http://{moving.name}/debian/x HTTP/1.1\r\nHost: {moving.name}\r\nRange: bytes=1-\r\n\r\n"
    found = through(request.encode(), moving.name)
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert found.endswith(b"hello")
    [head] = mirror.heads
    assert head.startswith(b"GET /pool/x HTTP/1.1\r\n")
    assert f"Host: {mirror.name}\r\n".encode() in head
    assert b"Range: bytes=1-\r\n" in head
    refused = through(f"GET http://{mirror.name}/x HTTP/1.1\r\n\r\n".encode(), moving.name)
    assert refused.startswith(f"HTTP/1.1 403 {mirror.name} is no package source".encode())


def test_a_source_from_outside_leads_to_nothing_that_listens_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sends on to is connected to, found to be this machine's own, and asked nothing."""
    heard: list[bytes] = []

    class Server:
        def __init__(self, peer: str) -> None:
            self.peer = peer
            self.left = b"HTTP/1.1 302 Found\r\nLocation: http://inside.example/x\r\n\r\n"

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """It is closed with the test."""

        def getpeername(self) -> tuple[str, int]:
            return self.peer, 80

        def sendall(self, data: bytes) -> None:
            heard.append(data)

        def recv(self, _: int) -> bytes:
            data, self.left = self.left, b""
            return data

    peers = {"deb.example": "192.0.2.1", "inside.example": "127.0.0.1"}
    monkeypatch.setattr(door, "_server", lambda url: Server(peers[urlsplit(url).hostname or ""]))
    here, caller = socket.socketpair()
    with here, caller:
        here.sendall(b"GET http://deb.example/x HTTP/1.1\r\nHost: deb.example\r\n\r\n")
        door.serve(caller, ["deb.example:80"])
        assert here.recv(99).startswith(b"HTTP/1.1 403 ")
    assert len(heard) == 1


@pytest.mark.parametrize(("to", "answer"), [("/round", b"HTTP/1.1 508 "), ("ftp://x/y", b"HTTP/1.1 302 ")])
def test_a_source_that_sends_round_or_to_what_is_no_server_of_files_is_said(
    moving: Moving, to: str, answer: bytes
) -> None:
    """It is not followed for ever, and what apt would not fetch either is apt's to say."""
    moving.to = to
    request = f"GET http://{moving.name}/x HTTP/1.1\r\n\r\n"
    assert through(request.encode(), moving.name).startswith(answer)
    assert len(moving.heads) == (5 if to == "/round" else 1)


def test_a_source_that_is_silent_is_no_answer(moving: Moving) -> None:
    """The connection ends without a word, as the server's did; it is not asked again."""
    moving.says = b""
    assert through(f"GET http://{moving.name}/x HTTP/1.1\r\n\r\n".encode(), moving.name) == b""
    assert len(moving.heads) == 1


def test_the_way_in_by_sudo_is_the_last_rule() -> None:
    """A rule of the owner's that asks for a password comes before it."""
    twin = made()
    user = described.User(name="ana", sudo="without-password")
    twin = replace(twin, description=twin.description.model_copy(update={"users": (user,)}))
    hooks = "\n".join(building.recipe_of(twin).hooks)
    [path] = set(re.findall(r"/etc/sudoers\.d/([\w-]+)", hooks))
    assert sorted(["ana", "90-cloud-init-users", "sudo", path])[-1] == path


def with_card(**row: Any) -> described.Twin:
    """Return the twin of a machine whose uplink's card says more of itself."""
    seen = looked.at_capture(None, KVM)
    answers, addr = {ask: seen.facts[ask] for ask in seen.facts}, Ask.run("ip", "-j", "addr")
    rows = json.loads(answers[addr].out)
    next(one for one in rows if one["ifname"] == "enp0s3").update(row)
    return described.describe(Facts(answers | {addr: Answer(0, json.dumps(rows))}), seen.params, SOURCES)


def test_a_card_below_a_bond_has_its_own_address() -> None:
    """All members of a bond show one address; the card has the one that it was made with, by which files know it."""
    nets = with_card(permaddr="52:54:00:aa:bb:cc").description.pc.cards  # type: ignore[union-attr]
    assert nets[0].mac == "52:54:00:aa:bb:cc"


class Spoken:
    """A host that answers, with a secret in one of its files."""

    is_real = True

    def gather(self, asks: Any) -> Facts:
        said = {ask: Answer(MISSING if ask.kind == "read" else 127) for ask in asks}
        said |= {ask: Answer(0, "0\n") for ask in system.COMMANDS}
        said[identity.COMMANDS[0]] = Answer(0, "0123456789abcdef0123456789abcdef\n", "0444 root:root")
        said[likeness.COMMANDS[0]] = Answer(
            0, "= 0600 root:root /etc/network/interfaces\n   wpa-psk open-sesame\n"
        )
        return Facts(said, "toy")

    def close(self) -> None:
        pass


def test_a_hosts_secrets_do_not_come_into_its_virtual_pc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A look at the host itself is cleaned of secrets as a capture is; the same secret is the same digest each time."""
    file = tmp_path / "toy.yml"
    file.write_text("host: toy\nconnection: {kind: local}\n")
    monkeypatch.setattr(looked, "connect", lambda *_: Spoken())
    monkeypatch.setattr(looked, "_require_root", lambda *_: None)
    first, second = (looked.at_host(file).facts[likeness.COMMANDS[0]].out for _ in range(2))
    assert "open-sesame" not in first
    assert re.search(r"wpa-psk hidden-[0-9a-f]{12}\n", first)
    assert first == second


def test_the_parameters_of_the_virtual_pc_tell_nobody_and_are_written_once(tmp_path: Path) -> None:
    """Neither who is told nor whom a watch calls is in them; a file that would be the same stays as it is."""
    params = looked.at_capture(None, KVM).params
    values = params.model_dump(mode="json", exclude_unset=True)
    values |= {"watch": {"heartbeat": "https://example.org/ping/x"}}
    other = type(params).model_validate(values)
    file = parameters.write(other, {}, Machine(tmp_path), "root")
    assert "example.org" not in file.read_text()
    before = file.stat().st_ino
    assert parameters.write(other, {}, Machine(tmp_path), "root").stat().st_ino == before
    assert (
        parameters.write(other, {}, Machine(tmp_path), "root", ["set_boot_menu:0123456789ab"]).stat().st_ino
        != before
    )
