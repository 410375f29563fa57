"""A record says of a machine what its reports prove, and of whose it is nothing."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner

from runbook.attestation import keys
from runbook.attestation.statement import NAME
from runbook.cli import main
from runbook.errors import CheckFailed, ParamsError
from runbook.shares import known, made
from runbook.shares.record import unseal
from tests.captures.hosts import CANARIES, HOST, MAC, SERIAL, USER, UUID
from tests.evidence.attested import alone
from tests.shares.reports import SAMPLE, facts, sealed, text

CARD = "8086:10d3"
"""The network card that the recorded host's guests have."""


@pytest.fixture
def key(tmp_path, monkeypatch):
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    return keys.operator()


def call(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def proved(record):
    return {card.id: card.proved for card in record.cards if card.proved}


def test_what_was_proved_is_in_the_record(tmp_path, key):
    """The probe passed, two guests were started with the card, and two devices were seen hidden and no more."""
    found = made.make(sealed(tmp_path / "reports"))
    assert found.notes == ()
    assert found.record.board == "QEMU Standard PC (Q35 + ICH9, 2009)"
    assert found.record.chipset == ("8086:29c0", "8086:2918")
    card = proved(found.record)[CARD]
    assert (card.hidden, card.probe, card.starts) == (True, True, 2)
    assert card.xen.startswith("4.20")
    assert card.kernel.startswith("6.12")
    others = [one for id_, one in proved(found.record).items() if id_ != CARD]
    assert [(one.hidden, one.probe, one.starts) for one in others] == [(True, False, 0)] * 2
    assert [card.group for card in found.record.cards if card.id == CARD] == [3]


def test_what_is_written_is_read(tmp_path, key):
    """The file says what was made, who signed it, and where one's own record goes: always to the same file."""
    record = made.make(sealed(tmp_path / "reports")).record
    path = made.save(tmp_path / "records", record, key)
    assert unseal(path.read_bytes()) == (record, key.public)
    with pytest.raises(ParamsError, match="is there already"):
        made.save(tmp_path / "records", record, key)
    assert made.save(tmp_path / "records", record, key, force=True) == path
    assert path.stat().st_size < known.LARGEST / 20


@pytest.mark.parametrize("connection", ["recorded", "capture"])
def test_a_replay_proves_nothing(tmp_path, key, connection):
    """Reports of a host that is a recording or a capture make no record."""
    with pytest.raises(ParamsError, match="No report shows") as error:
        made.make(sealed(tmp_path / "reports", connection=connection))
    assert f"its host was no machine but {connection}" in str(error.value)


def _failed(answers):
    for ask in answers:
        if "/probe/*.json" in ask:
            answers[ask][1] = answers[ask][1].replace('"received":4', '"received":0')


def test_a_probe_that_failed_is_no_proof(tmp_path, key):
    """Where no ping came back, the guest that was started with the card is all that is left."""
    found = proved(made.make(sealed(tmp_path / "reports", facts(_failed))).record)[CARD]
    assert (found.probe, found.starts) == (False, 1)


@pytest.mark.parametrize("step", ["prove_passthrough", "start_guests", "prove_devices"])
def test_a_step_that_failed_proves_nothing(tmp_path, key, step):
    """What was done in a step whose check found something is not taken for a proof."""

    def fail(place):
        path = place / "journal.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if line["event"] == "step-end" and line["step"] == step:
                line["status"] = "failed"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    found = proved(made.make(sealed(tmp_path / "reports", fail)).record)[CARD]
    said = {
        "prove_devices": found.hidden,
        "prove_passthrough": found.probe,
        "start_guests": found.starts == 2,
    }
    assert [name for name, is_proved in said.items() if not is_proved] == (
        ["prove_passthrough", "start_guests"] if step == "prove_passthrough" else [step]
    )


def test_another_installation_does_not_count(tmp_path, key):
    """Runs of a machine that had the name before prove nothing of the one that has it now."""

    def foreign(place):
        if (place / "facts/08_guests.json").exists():
            text('"machine": "', '"machine": "f', "journal.jsonl")(place)

    found = made.make(sealed(tmp_path / "reports", foreign))
    assert proved(found.record) == {}
    assert [note for note in found.notes if "another installation" in note]


def test_a_run_that_installed_the_machine_counts_from_then_on(tmp_path, key):
    """A run that began on a live system and went on in what it installed proves what it saw there; the live system is the machine, too."""

    def live(place):
        first = place / "facts/00_introduction.json"
        if first.exists():
            later = next(path for path in SAMPLE.iterdir() if (path / "facts/08_guests.json").exists())
            for name in ("07_first_boot", "08_guests"):
                shutil.copy(later / f"facts/{name}.json", place / "facts")
            path = place / "journal.jsonl"
            path.write_text(
                path.read_text().replace('"machine": "', '"machine": "11ve')
                + (later / "journal.jsonl").read_text()
            )

    def foreign(place):
        if not (place / "facts/00_introduction.json").exists():
            text('"machine": "', '"machine": "f', "journal.jsonl")(place)

    found = made.make(sealed(tmp_path / "reports", live, foreign))
    assert [note for note in found.notes if "another installation" in note]
    card = proved(found.record)[CARD]
    assert (card.hidden, card.probe, card.starts) == (True, True, 2)


def test_an_altered_report_makes_no_record(tmp_path, key):
    """A digest that does not hold stops it, and the file is named."""
    folder = sealed(tmp_path / "reports")
    path = next(folder.glob("*/facts/08_guests.json"))
    path.write_text(path.read_text() + "\n")
    with pytest.raises(CheckFailed, match=r"08_guests\.json"):
        made.make(folder)


def test_a_report_that_nobody_vouches_for_does_not_count(tmp_path, key, monkeypatch):
    """With another key at hand, what this one signed is left out, and that is said."""
    folder = sealed(tmp_path / "reports")
    alone(monkeypatch, tmp_path / "other")
    keys.make()
    with pytest.raises(ParamsError, match="NOT KNOWN"):
        made.make(folder)


def test_no_canary_of_a_host_is_in_its_record(tmp_path, key):
    """A host full of names, numbers and addresses: none is in the record, none in the file's name."""
    name = next((tmp_path / "config").rglob("signing-key"))
    assert name.is_file()

    def lived(place):
        for before, after in (("52:54:00:13:00:05", MAC), ("testbed", HOST), ("10.0.3.15", "84.17.49.201")):
            text(before, after, "facts/*.json", "journal.jsonl", "params.yml")(place)

    def dmi(answers):
        for ask in answers:
            if "class/dmi/id" in ask:
                answers[ask][1] = (
                    f"board_vendor:{HOST}\nboard_name:X {UUID}\nbios_vendor:{MAC}\nbios_version:1.2\n"
                )
            if ask.startswith("lspci"):
                answers[ask][1] = answers[ask][1].replace("Intel Corporation", f"{USER}s {SERIAL}")

    folder = sealed(tmp_path / "reports", lived, facts(dmi), host=HOST)
    raw = "".join(path.read_text() for path in folder.glob("*/facts/*.json"))
    assert {HOST, MAC, SERIAL, UUID, USER} <= {canary for canary in CANARIES if canary in raw}
    found = made.make(folder)
    path = made.save(tmp_path / "records", found.record, key)
    said = (found.record.model_dump_json() + path.name).lower()
    assert [canary for canary in CANARIES if canary.lower() in said] == []
    assert (found.record.board, found.record.firmware.version) == ("", "")
    assert len([note for note in found.notes if "is left out" in note]) == 2
    assert proved(found.record)[CARD].probe


def test_a_version_that_a_person_named_is_a_number(tmp_path, key):
    """Of a kernel and a Xen of one's own, only the numbers are told."""
    kernel = re.search(r'"kernel":"([^"]+)"', json.dumps(_probe(tmp_path)).replace("\\", ""))[1]
    folder = sealed(tmp_path / "reports", text(kernel, f"6.12.9-{HOST}", "facts/*.json", "journal.jsonl"))
    assert proved(made.make(folder).record)[CARD].kernel == "6.12.9"


def _probe(tmp_path):
    path = next(sealed(tmp_path / "before").glob("*/facts/08_guests.json"))
    answers = json.loads(path.read_text())["answers"]
    return next(answer for ask, answer in answers.items() if "/probe/*.json" in ask)


def test_the_command_writes_it_and_shows_all_of_it(tmp_path, key):
    """`survey --share` prints the whole record, says where it is and who signed it."""
    sealed(tmp_path / "reports")
    done = call(
        "survey",
        "params/testbed.yml",
        "--share",
        str(tmp_path / "records"),
        "--reports",
        str(tmp_path / "reports"),
    )
    assert done.exit_code == 0, done.output
    (path,) = (tmp_path / "records").iterdir()
    assert unseal(path.read_bytes())[0].model_dump_json(indent=2) in done.output
    assert f"3 devices proved, signed by {key.public.fingerprint}" in done.output


def test_without_a_key_it_is_unsigned_and_says_so(tmp_path, monkeypatch):
    """The record is written all the same, and the way to a key is said."""
    alone(monkeypatch, tmp_path / "config")
    sealed(tmp_path / "reports")
    done = call(
        "survey",
        "params/testbed.yml",
        "--share",
        str(tmp_path / "records"),
        "--reports",
        str(tmp_path / "reports"),
    )
    assert done.exit_code == 0, done.output
    (path,) = (tmp_path / "records").iterdir()
    assert unseal(path.read_bytes())[1] is None
    assert "it is not signed" in done.output
    assert "runbook report key" in done.output


def test_where_nothing_was_proved_that_is_said(tmp_path, key):
    """A machine that was only looked at has a record, in which no card is proved."""
    sealed(tmp_path / "reports", only="00_introduction")
    done = call(
        "survey",
        "params/testbed.yml",
        "--share",
        str(tmp_path / "records"),
        "--reports",
        str(tmp_path / "reports"),
    )
    assert done.exit_code == 0, done.output
    assert "no report proves anything of a device" in done.output
    assert '"proved": {' not in done.output


def test_a_host_without_reports_is_told_what_to_do(tmp_path, key):
    """There is no record of a machine that the runbook never ran on."""
    done = call(
        "survey", "params/testbed.yml", "--share", str(tmp_path / "x"), "--reports", str(tmp_path / "none")
    )
    assert done.exit_code == 2
    assert "There is no report of testbed" in done.output
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "other", [["--save", "x"], ["--html", "x"], ["--open"], ["--known", "tests"], ["--capture", "tests"]]
)
def test_share_shows_no_machine(tmp_path, other):
    """Writing a record excludes what looks at a machine."""
    assert call("survey", "--share", str(tmp_path / "x"), *other).exit_code == 2


def test_the_attestations_are_those_of_this_test(tmp_path, key):
    """The reports that the tests above are made of are signed anew, or they would prove the sample's signature."""
    folder = sealed(tmp_path / "reports")
    said = [json.loads(path.read_text())["signatures"][0]["keyid"] for path in folder.glob(f"*/{NAME}")]
    assert set(said) == {key.public.fingerprint}
