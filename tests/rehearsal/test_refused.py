"""What cannot be rehearsed is refused at once, with one clear error: bad captures, another's host, no QEMU, no room, two at once."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runbook.cli import main
from runbook.controller.locks import locked
from runbook.errors import ParamsError
from runbook.facts import likeness
from runbook.facts.storage.asks import LSBLK
from runbook.hosts import capture
from runbook.model.ask import Answer, Ask, Facts
from runbook.rehearsal import building, described, looked
from runbook.testbed import qemu
from tests.recorded import ROOT
from tests.rehearsal.test_described import KVM

PARAMS = KVM / "params.yml"


def rehearse(*words: str) -> Result:
    return CliRunner().invoke(main, ["rehearse", *words])


def changed(folder: Path, **answers: str) -> Path:
    """Return a copy of the capture with other answers, by the name of their file; '' takes one away."""
    shutil.copytree(KVM, folder)
    index = json.loads((folder / capture.INDEX).read_text())
    for question in index["questions"]:
        if (text := answers.get(question["name"].replace("-", "_"))) is not None:
            (folder / capture.ANSWERS / question["file"]).write_text(text)
    (folder / capture.INDEX).write_text(json.dumps(index))
    return folder


def with_likeness(folder: Path, files: str, links: str = "") -> Path:
    """Return a copy of the capture that holds a look at files, as a capture of today does."""
    said = {ask: Answer(0) for ask in likeness.COMMANDS}
    said |= {likeness.COMMANDS[0]: Answer(0, files), likeness.COMMANDS[1]: Answer(0, links)}
    said[likeness.COMMANDS[2]] = Answer(0, "ii |bridge-utils|1.7|amd64\n")
    every = [
        *capture.load(KVM).said,
        *(capture.Said(f"likeness-{n}", ask, said[ask]) for n, ask in enumerate(said)),
    ]
    capture.save(folder, "2026-11-30", every, PARAMS.read_text())
    return folder


def lsblk(**more: Any) -> str:
    found = json.loads(capture.load(KVM).answers[LSBLK].out)
    found["blockdevices"][0].update(more)
    return json.dumps(found)


def _disks(count: int) -> str:
    found = json.loads(capture.load(KVM).answers[LSBLK].out)
    last = found["blockdevices"][-1]
    more = [
        last | {"name": f"sd{n}", "kname": f"sd{n}", "path": f"/dev/sd{n}", "children": []}
        for n in range(count - 2)
    ]
    return json.dumps({"blockdevices": [*found["blockdevices"], *more]})


HEAD = "= 0644 root:root "
BAD = {
    "cut": (lambda at: (shutil.copytree(KVM, at), (at / "answers/storage-lsblk").unlink())[0], "A capture lacks an answer"),
    "emptied": (lambda at: changed(at, storage_lsblk=""), "does not tell what disks"),
    "garbled": (lambda at: changed(at, storage_lsblk="{"), "cannot be understood"),
    "climbs": (lambda at: with_likeness(at, f"{HEAD}/etc/network/../../root/.profile\n x\n"), "where no look at a machine takes one from"),
    "elsewhere": (lambda at: with_likeness(at, f"{HEAD}/root/.ssh/authorized_keys\n x\n"), "where no look at a machine takes one from"),
    "relative": (lambda at: with_likeness(at, f"{HEAD}etc/fstab\n x\n"), "where no look at a machine takes one from"),
    "link elsewhere": (lambda at: with_likeness(at, "", "/root/x\t/etc/shadow\n"), "where no look at a machine takes one from"),
    "control": (lambda at: with_likeness(at, f"{HEAD}/etc/network/a\x1b[2Jb\n x\n"), "where no look at a machine takes one from"),
    "huge": (lambda at: changed(at, storage_lsblk=lsblk(size=1 << 60)), "TiB together"),
    "many disks": (lambda at: changed(at, storage_lsblk=_disks(22)), "it has 22 disks; at most 20 are made"),
    "no rights": (lambda at: with_likeness(at, "= 9z99 root:root /etc/network/x\n x\n"), "which are none"),
    "no owner": (lambda at: with_likeness(at, "= 0644 root /etc/network/x\n x\n"), "which are none"),
    "foreign": (lambda at: changed(at, network_links=""), "is of another host"),
    "linked answers": (lambda at: _linked(at), "answers is a link"),
}  # fmt: skip


def _linked(at: Path) -> Path:
    shutil.copytree(KVM, at)
    shutil.move(at / "answers", at / "elsewhere")
    (at / "answers").symlink_to("elsewhere")
    return at


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_capture_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    """Cut, garbled, hostile, without end, or another's: what, where, why and a next move, nothing built, no control character."""
    make, words = BAD[kind]
    folder = tmp_path / "box"
    make(folder)  # type: ignore[no-untyped-call]
    params = [str(ROOT / "params/testbed.yml")] if kind == "foreign" else []
    done = rehearse(*params, "--capture", str(folder), "--describe")
    assert done.exit_code in (1, 2, 5), done.output
    assert words in " ".join(done.output.split())
    assert sum(line.startswith("Error: ") for line in done.output.splitlines()) == 1
    assert "\x1b[2J" not in done.output
    assert "Traceback" not in done.output


def test_a_whole_capture_is_described(tmp_path: Path) -> None:
    """The same way of making one, with a file and a link as they are, is described: the tests above fail for what they plant."""
    folder = with_likeness(
        tmp_path / "box", f"{HEAD}/etc/network/interfaces\n auto lo\n", "/etc/resolv.conf\t../run/x\n"
    )
    done = rehearse("--capture", str(folder), "--describe")
    assert done.exit_code == 0, done.output
    assert "/etc/network/interfaces" in done.output
    assert "made before rehearsals" not in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the host's parameters, or a capture"),
        ((str(ROOT / "params/example.yml"),), "There is no host to rehearse for"),
        (("--capture", str(KVM), "--to", "set_boot_menus"), "There is no step 'set_boot_menus'"),
        (
            ("--capture", str(KVM), "--break", "network", "--to", "set_boot_menu"),
            "belongs to a whole rehearsal",
        ),
        (("--capture", str(KVM), "--break", "gas"), "'gas' is nothing that can be broken"),
        (("--capture", str(KVM), "--break", "power@nowhere"), "there is no step 'nowhere'"),
    ],
)
def test_wrong_words_are_refused(words: tuple[str, ...], said: str) -> None:
    """Before anything is looked at or built."""
    done = rehearse(*words)
    assert done.exit_code == 2
    assert said in done.output


def test_without_qemu_nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what is lacking, how it is had, and that the description needs none of it."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path / "testbed"))
    monkeypatch.setattr(looked, "sources_of", lambda release: [])
    monkeypatch.setattr(
        building.shutil, "which", lambda name, path=None: None if name.startswith("qemu") else name
    )
    done = rehearse("--capture", str(KVM))
    assert done.exit_code == 5
    assert "there is no qemu-system-x86_64, no qemu-img" in done.output
    assert "--describe" in done.output


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("ROOM_MIB", 1 << 40, "There is no room"), ("_available_mib", lambda: 1000, "There is no memory")],
)
def test_without_room_nothing_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, said: str
) -> None:
    """Neither for the disks nor for the memory of the virtual PC."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path / "testbed"))
    monkeypatch.setattr(looked, "sources_of", lambda release: [])
    monkeypatch.setattr(building.shutil, "which", lambda name, path=None: name)
    monkeypatch.setattr(building, name, value)
    done = rehearse("--capture", str(KVM))
    assert done.exit_code == 5
    assert said in done.output
    assert "RUNBOOK_TESTBED_DIR" in done.output or "end what else runs here" in done.output


def test_two_at_once_are_one_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told that there is a first."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path))
    monkeypatch.setattr(looked, "sources_of", lambda release: [])
    (tmp_path / "rehearsals").mkdir()
    with locked(tmp_path / "rehearsals"):
        done = rehearse("--capture", str(KVM))
    assert done.exit_code == 5
    assert "Another rehearsal is under way" in done.output


ADDR = Ask.run("ip", "-j", "addr")
HOSTILE = {
    "more behind a MAC address": (ADDR, "52:54:00:00:00:01", "52:54:00:00:00:01,romfile=/etc/passwd"),
    "an IPv6 scope with a dot": (
        ADDR,
        '"local":"10.0.2.15","prefixlen":24',
        '"local":"fe80::1%a.b,guestfwd=tcp:1","prefixlen":64',
    ),
    "more behind an address": (ADDR, '"local":"10.0.2.15"', '"local":"10.0.2.15,restrict=off"'),
    "no address": (ADDR, '"local":"10.0.2.15"', '"local":"10.0.2.x"'),
    "a network of two": (ADDR, '"local":"10.0.2.15","prefixlen":24', '"local":"10.0.2.15","prefixlen":31'),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_a_capture_says_never_becomes_a_word_for_the_emulator(kind: str) -> None:
    """A MAC address or an address with more behind it, of a hostile capture, is none: one error, and nothing is built."""
    ask, old, new = HOSTILE[kind]
    seen = looked.at_capture(None, KVM)
    answers = {one: seen.facts[one] for one in seen.facts}
    text = re.sub(r"\s*([:,])\s*", r"\1", answers[ask].out)
    assert old in text
    with pytest.raises(ParamsError, match="No virtual PC can be made") as raised:
        described.describe(Facts(answers | {ask: Answer(0, text.replace(old, new))}), seen.params, ())
    assert len(raised.value.why) <= 600
    assert raised.value.do


@pytest.mark.parametrize(
    "line",
    [
        "nameserver 10.0.2.3,hostfwd=tcp::22-:22",
        "nameserver fe80::1%a.b,restrict=off",
        "nameserver no-address",
    ],
)
def test_a_name_server_that_is_no_address_is_none(line: str) -> None:
    """It is left out, and no word of it reaches the emulator."""
    seen = looked.at_capture(None, KVM)
    answers = {one: seen.facts[one] for one in seen.facts} | {
        Ask.read("/etc/resolv.conf"): Answer(0, f"{line}\n", "0644 root:root")
    }
    words = " ".join(
        qemu.command(building.spec_of(described.describe(Facts(answers), seen.params, ()).description))
    )
    assert line.split()[1] not in words
    assert "restrict=off" not in words


def test_more_cards_than_the_pc_has_places_are_refused() -> None:
    """What cannot be at its own address needs a place on the first bus, and those end."""
    seen = looked.at_capture(None, KVM)
    answers = {one: seen.facts[one] for one in seen.facts}
    rows = json.loads(answers[ADDR].out)
    more = [
        rows[1] | {"ifname": f"e{n}", "addr_info": [], "master": "", "address": f"52:54:00:00:01:{n:02x}"}
        for n in range(32)
    ]
    links = "".join(
        f"/sys/class/net/e{n} ../../devices/pci0000:40/0000:40:{n:02x}.0/net/e{n}\n" for n in range(32)
    )
    for ask, answer in answers.items():
        if "/sys/class/net/ /sys/class/net/*/" in ask.argv[-1]:
            answers[ask] = Answer(0, answer.out + links)
    answers[ADDR] = Answer(0, json.dumps([*rows, *more]))
    with pytest.raises(ParamsError, match="No virtual PC can be made") as raised:
        described.describe(Facts(answers), seen.params, ())
    assert "32 of its cards and disks need a place" in raised.value.why


@pytest.mark.parametrize("field", ["model", "mac", "net", "router", "names", "lease", "bus", "addr"])
def test_a_card_with_a_comma_is_no_card(field: str) -> None:
    """Whoever describes it: the emulator's words are made of plain ones."""
    with pytest.raises(ValueError, match="is no word for a network card"):
        replace(qemu.UPLINK, **{field: "10.0.2.1,restrict=off"})
