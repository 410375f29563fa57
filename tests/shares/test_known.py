"""Records of strangers: what fits is counted, what does not is said in a line, and nothing in it acts."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from runbook.attestation import dsse, keys
from runbook.captures import taken
from runbook.cli import main
from runbook.errors import ParamsError
from runbook.facts import firmware, pci
from runbook.model.ask import Answer, Facts
from runbook.shares import alike, known
from runbook.shares.made import save
from runbook.shares.record import KIND, Card, Firmware, Proved, Record, seal, unseal
from runbook.survey import machine as machines
from tests.captures.hosts import PARAMS, Toy, plain
from tests.text.hostile import ATTACKS
from tests.text.inert import plain as inert

CARD, BDF, SUBSYSTEM = "8086:10d3", "0000:00:05.0", "8086:0000"
BOARD = "QEMU Standard PC (Q35 + ICH9, 2009)"


def proof(**changes):
    told = {
        "hidden": True,
        "probe": True,
        "starts": 2,
        "xen": "4.20.1",
        "kernel": "6.12.9",
        "release": "trixie",
    }
    return Proved(**{**told, "date": "2026-03-01", **changes})


def record(board="A board", subsystem=SUBSYSTEM, proved=None, date="2026-03-01", id_=CARD, **changes):
    card = Card(id=id_, subsystem=subsystem, class_code="020000", group=3, resets=("flr",), proved=proved)
    told = {
        "format": 1, "date": date, "board": board, "firmware": Firmware(version="1.0", uefi=True, iommu=("DMAR",)),
        "chipset": ("8086:29c0",), "cards": (card,),
    }  # fmt: skip
    return Record(**told | changes)


@pytest.fixture
def key(tmp_path):
    return keys.load(keys.make(tmp_path / "one"))


@pytest.fixture
def other(tmp_path):
    return keys.load(keys.make(tmp_path / "two"))


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    place = tmp_path_factory.mktemp("captures") / "box"
    taken.save(taken.take(Toy(plain()), PARAMS, None), place)
    return place


def of(folder, bdf=BDF):
    facts = Facts({ask: plain().get(ask, Answer(127)) for ask in machines.asks()})
    return alike.texts(facts, known.load(folder)).get(bdf, "")


def call(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_machines_are_counted_and_the_newest_is_told(tmp_path, key, other):
    """Three machines with this card, one of them with this board, and what each proved of it."""
    save(tmp_path / "r", record(proved=proof()), key)
    save(tmp_path / "r", record(BOARD, proved=proof(date="2026-04-05", xen="4.20.2", starts=1)), other)
    save(tmp_path / "r", record("Third", proved=proof(probe=False)), None)
    assert of(tmp_path / "r") == (
        "proved on 3 machines with this card, 1 of them with this board (2 machines: traffic went through it; 2 machines: "
        "guests were started with it twice or more; newest 2026-04-05, Xen 4.20.2, Linux 6.12.9, Debian trixie; "
        "signed by 2 keys and 1 unsigned)"
    )


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another chip", {"id_": "8086:10d4", "proved": proof()}),
        ("the chip on another card", {"subsystem": "1043:8369", "proved": proof()}),
        ("nothing proved", {}),
        ("only hidden", {"proved": proof(probe=False, starts=0)}),
    ],
)
def test_what_is_not_alike_or_not_proved_is_not_counted(tmp_path, key, what, changes):
    """Of such a card nothing is said."""
    save(tmp_path, record(**changes), key)
    assert of(tmp_path) == ""


def test_a_card_whose_subsystem_nobody_knows_is_alike(tmp_path, key):
    """Where one side does not say which card the chip is on, the chip decides."""
    save(tmp_path, record(subsystem="", proved=proof()), key)
    assert of(tmp_path).startswith("proved on 1 machine with this card (")


def test_a_card_is_counted_once_a_machine(tmp_path, key):
    """Two such cards in one machine, and two records of one machine, are one machine; the newest record counts."""
    one = record(proved=proof())
    save(tmp_path, one.model_copy(update={"cards": one.cards * 2}), key)
    (tmp_path / "again.json").write_text(seal(record(proved=proof(starts=9), date="2026-05-05"), key))
    assert of(tmp_path).startswith("proved on 1 machine with this card (")
    (found,) = known.load(tmp_path).kept
    assert found.record.date == "2026-05-05"


def test_no_byte_of_a_record_can_be_another(tmp_path, key):
    """Each byte of a signed record altered in turn: it never counts with other words under that key."""
    text = seal(record(proved=proof()), key).encode()
    whole = unseal(text)
    for place in range(0, len(text), 7):
        altered = bytearray(text)
        altered[place] ^= 1
        try:
            found = unseal(bytes(altered))
        except ValueError:
            continue
        pytest.fail(f"byte {place}: {found == whole}")


def _payload(text, change):
    envelope = json.loads(text)
    said = json.loads(base64.b64decode(envelope["payload"]))
    change(said)
    envelope["payload"] = base64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()
    return json.dumps(envelope, indent=2, ensure_ascii=False) + "\n"


def _raise_starts(said):
    said["predicate"]["cards"][0]["proved"]["starts"] = 99


def _unsign(said):
    said["predicate"]["signer"] = None


def raw(**changes):
    """Return an unsigned envelope of what no record says."""
    return dsse.seal(KIND, {}, {**record(proved=proof()).model_dump(mode="json"), **changes}, None)


BROKEN = {
    "a signature that does not fit": lambda key: _payload(seal(record(proved=proof()), key), _raise_starts),
    "a signature in vain": lambda key: _payload(seal(record(), key), _unsign),
    "no JSON": lambda key: "hello",
    "a list": lambda key: "[]",
    "nothing": lambda key: "",
    "deep": lambda key: "[" * 100_000,
    "a long number": lambda key: '{"payload": ' + "9" * 5000 + "}",
    "another kind": lambda key: dsse.seal("urn:else", {}, record().model_dump(mode="json"), key),
    "files": lambda key: dsse.seal(KIND, {"x": "0" * 64}, record().model_dump(mode="json"), key),
    "an unknown key": lambda key: raw(owner="ana"),
    "a missing key": lambda key: dsse.seal(KIND, {}, {"format": 1}, key),
    "a later format": lambda key: raw(format=2),
    "a number as text": lambda key: raw(format="1"),
    "a count as text": lambda key: _payload(raw(), lambda told: told["predicate"]["cards"][0]["proved"].update(starts="2")),
    "yes as a number": lambda key: _payload(raw(), lambda told: told["predicate"]["cards"][0]["proved"].update(probe=1)),
    "a MAC address": lambda key: raw(board="X 52:54:00:13:00:05"),
    "a UUID": lambda key: raw(board="7d0c5a1e-93f2-4b6c-8a41-d9f0c2b7e613"),
    "a mail address": lambda key: raw(board="ana@example.org"),
    "too long a board": lambda key: raw(board="x" * 121),
    "an id that is none": lambda key: raw(chipset=["8086:29c0\n"]),
    "no such day": lambda key: raw(date="2026-02-30"),
    "a day in other digits": lambda key: raw(date="٢٠٢٦-03-01"),
    "too many cards": lambda key: raw(cards=[record().cards[0].model_dump(mode="json")] * 1025),
    "too large": lambda key: seal(record(), key) + " " * known.LARGEST,
    "bytes": lambda key: "\udcff",
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_what_does_not_fit_is_said_and_not_counted(tmp_path, key, what):
    """Each broken record is one printable line with its file, and the good one beside it counts."""
    save(tmp_path / "r", record(proved=proof()), key)
    (tmp_path / "r/bad.json").write_bytes(BROKEN[what](key).encode("utf-8", "surrogateescape"))
    found = known.load(tmp_path / "r")
    assert len(found.kept) == 1
    (line,) = found.refused
    assert line.startswith("bad.json does not count: ")
    assert line.isprintable()
    assert len(line) < 400


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    """Its size alone is the reason, whatever stands in it."""
    (tmp_path / "big.json").write_text(" " * (known.LARGEST + 1))
    (line,) = known.load(tmp_path).refused
    assert line == f"big.json does not count: it is larger than {known.LARGEST} bytes"


def test_one_board_by_two_keys_is_two_machines(tmp_path, key, other):
    """Whose records are signed by different keys has different machines, and each has a file of its own."""
    for one in (key, other, None):
        save(tmp_path, record(BOARD, proved=proof()), one)
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert of(tmp_path).startswith("proved on 3 machines with this card, 3 of them with this board (")


def test_what_lies_ahead_does_not_count(tmp_path, key):
    """A date that has not come yet would be the newest for ever."""
    far = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    save(tmp_path / "r", record(date=far), key)
    save(tmp_path / "r", record("B", proved=proof(date=far)), key)
    found = known.load(tmp_path / "r")
    assert found.kept == ()
    assert all("has not come yet" in line for line in found.refused)
    assert len(found.refused) == 2


def test_no_file_that_is_none_is_opened(tmp_path, key):
    """A pipe, a link and a folder in a record's place are said, and nothing waits for them."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "real").write_text(seal(record(proved=proof()), key))
    (tmp_path / "link.json").symlink_to("real")
    (tmp_path / "README.md").write_text("not looked at")
    found = known.load(tmp_path)
    assert found.kept == ()
    assert [line.split(": ")[-1] for line in found.refused] == [
        "it is a folder, not a file", "it is a link, not a file", "it is a pipe, not a file",
    ]  # fmt: skip


def test_no_more_files_are_read_than_that(tmp_path, key, monkeypatch):
    """Of a folder of thousands the first are read; how many were not, and how many more are wrong, is said."""
    monkeypatch.setattr(known, "MOST", 30)
    for number in range(40):
        (tmp_path / f"{number:03}.json").write_text("no")
    found = known.load(tmp_path)
    assert len(found.refused) == known._SAID + 1
    assert "10 files do not count, 30 are read at most" in found.refused[0]
    assert found.refused[-1].endswith(": 11 more do not count")


def test_a_folder_that_is_none_is_an_error(tmp_path):
    """Its name stands in the message, and what to name instead."""
    with pytest.raises(ParamsError, match="There is no folder of records"):
        known.load(tmp_path / "none")


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_is_refused_or_only_seen(tmp_path, attack):
    """A board, an unknown key and a file's name that are attacks: what is said of them does not act."""
    (tmp_path / "board.json").write_text(raw(board=attack))
    (tmp_path / "key.json").write_text(raw(**{attack: 1}))
    name = attack.replace("/", "").replace("\0", "")[:60]
    (tmp_path / f"x{name}.json").write_text("no")
    found = known.load(tmp_path)
    assert 2 <= len(found.refused) <= 3
    for line in found.refused:
        inert(line)
        assert "\n" not in line
    for one in found.kept:
        assert one.record.board.isprintable()
        inert(one.record.board)


def test_the_survey_says_it_at_the_card_and_on_the_page(tmp_path, key, capture, monkeypatch):
    """Terminal and page say at the card what was proved, and which files do not count; no verdict is another."""
    own = tmp_path / "none"
    own.mkdir()
    monkeypatch.setattr(known, "OWN", own)
    save(tmp_path / "r", record(proved=proof()), key)
    (tmp_path / "r/bad.json").write_text("no")
    before = call("survey", "--capture", str(capture))
    page = tmp_path / "x.html"
    after = call("survey", "--capture", str(capture), "--known", str(tmp_path / "r"), "--html", str(page))
    assert after.exit_code == 0, after.output
    said = " ".join(after.output.split())
    assert "proved on 1 machine with this card" in said
    assert "bad.json does not count" in said
    assert "records of 1 machine are read; they change no verdict" in said
    assert "proved on" not in before.output
    assert f"{BDF} proved on 1 machine with this card" in page.read_text()
    counts = [line for line in before.output.splitlines() if line.endswith(("dom0", "passed", "word"))]
    assert all(line in after.output for line in counts)


def test_the_projects_own_records_all_count():
    """Each file in the folder that the project brings is a record that fits, of a machine of its own."""
    found = known.load(known.OWN)
    assert found.refused == ()
    assert len(found.kept) == len(list(known.OWN.glob("*.json")))


def test_the_questions_are_the_surveys_own():
    """What is read of a machine for this is asked by the survey anyway."""
    from runbook.facts import subsystems

    assert {*subsystems.COMMANDS, *firmware.COMMANDS, *pci.COMMANDS} <= set(machines.asks())
