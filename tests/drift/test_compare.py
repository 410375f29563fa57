"""What changed between two looks: each change in one line, an unchanged host in none."""

import json
import re

import pytest

from runbook.drift import devices, files, rest
from runbook.drift.answers import Noted
from runbook.drift.compare import compare
from runbook.drift.things import WATCHED
from runbook.evidence.drift import asks_of
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import load
from tests.drift.recorded import CASES, ROOT, facts, looks


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_each_seeded_change_is_found_in_one_line(case):
    """A real recorded answer altered in one respect gives exactly that line; volatile values give none."""
    told = json.loads(case.read_text())
    found = compare(facts(), facts(edits=told["edits"]))
    assert len(found) == len(told["lines"])
    for change, line in zip(found, told["lines"], strict=True):
        # What each recording has another value of is … in the case.
        assert re.fullmatch(re.escape(line).replace("…", ".+?"), str(change)), str(change)


def test_a_change_taken_back_is_found_the_other_way_round():
    """Comparing in the other direction finds the same things: nothing is only seen when it comes."""
    for case in CASES:
        told = json.loads(case.read_text())
        found = compare(facts(edits=told["edits"]), facts())
        assert len(found) == len(told["lines"]), case.stem


def test_two_looks_at_an_unchanged_host_differ_in_nothing():
    """Eleven notebooks asked a running host within minutes: their first and last answers differ in no line."""
    books = list(looks().values())
    assert facts(*books) != facts(*books[::-1]), "there is nothing to leave out: the test proves nothing"
    assert compare(facts(*books), facts(*books[::-1])) == []


def test_between_the_two_recordings_only_what_really_happened_is_found():
    """From the end of the first run to the second one the packet filter came up.

    The first notebook's questions had their last answer before the bridge was there, and before Xen was.
    """
    found = compare(facts(*looks("testbed").values()), facts())
    assert [(change.kind, change.name.partition(" ")[0]) for change in found] == [
        ("service", "nftables.service"),
        ("service", "xen-guests-end.service"),
        ("service", "xendomains.service"),
        ("file", "/etc/resolv.conf"),
        ("answer", "i=/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f;"),
    ]


def test_every_watched_thing_is_seen_on_the_testbed():
    """No kind of thing is watched in vain: each is there in the recorded answers."""
    assert [w.read.__qualname__ for w in WATCHED if not w.read(facts())] == []


def test_an_answer_that_nobody_watches_is_compared_as_text():
    """A question that a later step adds is not overlooked: its answer's lines are compared."""
    was = Facts({Ask.run("new-tool", "-v"): Answer(0, "a\nb\n")})
    now = Facts({Ask.run("new-tool", "-v"): Answer(0, "a\nc\n")})
    (change,) = compare(was, now)
    assert str(change) == "answer new-tool -v: `b` → `c`"
    assert change.diff.splitlines()[-2:] == ["-b", "+c"]


def test_an_edited_boot_loader_default_is_found_when_the_menu_is_as_new():
    """Edited, and `update-grub` run after it, the file is no newer than the menu: its text tells all the same."""
    ask = Ask.read("/etc/default/grub")
    assert ask in asks_of(load(ROOT / "params/example.yml"), ()), "the last look does not read it"
    looked = [Facts({**facts(), ask: Answer(0, f"GRUB_TIMEOUT={seconds}\n")}) for seconds in (5, 0)]
    (change,) = compare(*looked)
    assert str(change) == "file /etc/default/grub: GRUB_TIMEOUT changed: 5 → 0"
    assert change.diff.splitlines()[-2:] == ["-GRUB_TIMEOUT=5", "+GRUB_TIMEOUT=0"]


def test_what_only_one_side_was_asked_is_no_change():
    """Other parameters ask other questions: a file, unit or package that one run did not ask for is not new."""
    more = {
        Ask.read("/etc/new"): Answer(0, "x\n"),
        Ask.run("systemctl", "show", "-p", "Id", "new.service"): Answer(
            0, "Id=new.service\nLoadState=loaded\n"
        ),
        Ask.run("dpkg-query", "-W", "-f", "x", "new"): Answer(0, "ii |new|1\n"),
    }
    assert compare(facts(), Facts({**facts(), **more})) == []


def test_a_guest_file_that_is_new_or_gone_is_said_so():
    """The folder of guests is read whole, so a file in it is seen to come and to go."""
    extra = facts(edits=[["grep -Hs '' /etc/xen", "", '/etc/xen/extra.cfg:name = "extra"\n']])
    assert [str(c) for c in compare(facts(), extra)] == ["file /etc/xen/extra.cfg: new"]
    assert [str(c) for c in compare(extra, facts())] == ["file /etc/xen/extra.cfg: gone"]


def test_of_two_cards_alike_only_the_moved_one_is_said():
    """Two virtio network cards: the one that stayed is not mistaken for the one that moved."""
    moved = [
        ["lspci", "0000:00:03.0", "0000:00:0b.0"],
        ["/sys/bus/pci/devices", "0000:00:03.0", "0000:00:0b.0"],
    ]
    found = [str(change) for change in compare(facts(), facts(edits=moved))]
    assert [line for line in found if line.startswith("device")] == [
        "device 0000:00:0b.0 (Red Hat, Inc. Virtio network device, Ethernet controller): at 0000:00:03.0 → 0000:00:0b.0"
    ]


def test_another_card_in_the_same_slot_is_said_in_one_line():
    """A card that was replaced by one of another make has another id at the same address."""
    other = [
        ["lspci", "82574L Gigabit Network Connection [10d3]", "I210 [1533]"],
        ["*/vendor", "0000:00:05.0/device:0x10d3", "0000:00:05.0/device:0x1533"],
    ]
    (change,) = compare(facts(), facts(edits=other))
    assert str(change).startswith(
        "device 0000:00:05.0: id 8086:10d3 → 8086:1533; is Intel Corporation 82574L"
    )


def test_when_a_card_is_taken_out_the_others_are_not_taken_for_it():
    """What stood behind it moved up to its address; the card that is gone is the one that is called gone."""
    before = {"01": {"id": "gpu", "at": "01"}, "02": {"id": "nvme", "at": "02"}}
    paired = devices.pair(before, {"01": {"id": "nvme", "at": "01"}})
    assert paired == {"01": before["02"], "01 before": before["01"]}


def test_the_watched_files_are_real_files_of_the_host():
    """Modes are asked of what lasts: not of state in /proc or /run, nor of a system that is being installed."""
    paths = files.paths(facts())
    assert {"/etc/sudoers.d/xl", "/etc/xen/comm.cfg", "/etc/nftables.conf"} <= set(paths)
    assert [p for p in paths if p.startswith(("/proc", "/sys", "/run", "/mnt"))] == []


def test_few_answers_are_left_to_be_compared_as_text():
    """What is compared as text is known here by name; anything else was watched or left out on purpose."""
    noted = Noted(facts())
    for watched in WATCHED:
        watched.read(noted)
    words = sorted(name.split()[0] for name in rest.read(facts(), noted.used))
    assert words == [
        "NetworkManager",
        "[",
        "apt-config",
        "cd",
        "cr=$(printf",
        "dpkg",
        'f="/etc/nftables.conf',
        "find",
        "getent",
        "grep",
        "grep",
        "grep",
        "grep",
        "grep",
        "i=/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f;",
        "locale",
        "ls",
        "lvmconfig",
        "nmcli",
        "readlink",
        "set",
        "set",
        "set",
        "set",
    ]
