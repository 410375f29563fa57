"""`runbook report export`: a copy to hand on, without the host's raw answers, that still verifies."""

import json

import pytest
from click.testing import CliRunner

from runbook.attestation import keys, prune, tombstone
from runbook.attestation.export import PUBLIC_KEY, export
from runbook.attestation.statement import PRUNED
from runbook.attestation.verify import verify
from runbook.cli import main
from runbook.errors import CheckFailed, ParamsError
from runbook.evidence import archive
from tests.evidence.attested import record


def call(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)], catch_exceptions=False)


@pytest.fixture
def told(reports, tmp_path):
    """Return the reports of a host whose last run kept what it read."""
    run = record(4)
    place = archive.create(reports, run, reports.with_name("params.yml"))
    (place / "facts").mkdir()
    (place / "facts/last.json").write_text("{}")
    (place / "facts/01_uefi.json").write_text(
        json.dumps({"answers": {"< /etc/secret.conf": [0, "raw-answer", ""]}})
    )
    run.close("completed", 0)
    archive.close(place, run)
    return reports


def test_the_copy_has_no_facts_and_verifies_by_the_key_beside_it(told, tmp_path):
    """Nothing of the host's answers is in any file of the copy; the original is left as it was."""
    out = tmp_path / "audit"
    before = {path: path.read_bytes() for path in told.rglob("*") if path.is_file()}
    done = call("export", "toy", "--out", out, "--reports", told)
    assert done.exit_code == 0, done.output
    assert "5 runs" in done.stdout
    assert not list(out.rglob("facts"))
    assert not [path for path in out.rglob("*") if path.is_file() and b"raw-answer" in path.read_bytes()]
    assert {path: path.read_bytes() for path in told.rglob("*") if path.is_file()} == before
    verified = call("verify", out, "--key", out / PUBLIC_KEY)
    assert verified.exit_code == 0, verified.output
    assert "2 files were pruned" in verified.stdout
    assert (out / "index.html").exists()
    assert (out / "toy/index.html").exists()


def test_what_is_taken_out_of_the_copy_is_missed(told, tmp_path):
    """The record names what was left out; anything else that is missing is an alteration."""
    out = tmp_path / "audit"
    call("export", "toy", "--out", out, "--reports", told)
    (newest,) = [path.parent for path in out.rglob(PRUNED)]
    (newest / "index.html").unlink()
    with pytest.raises(CheckFailed, match="A file was removed"):
        list(verify(out, keys.own()))


def test_an_altered_report_is_not_handed_on(told, tmp_path):
    """Nothing is copied when a report is not as it was written."""
    next(told.rglob("journal.jsonl")).write_text('{"event": "other"}\n')
    with pytest.raises(CheckFailed, match="altered"):
        export(told / "toy", tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


def test_a_signed_run_needs_the_key(told, tmp_path, monkeypatch):
    """Without a key nobody vouches for what was left out."""
    monkeypatch.setattr(keys, "operator", lambda: None)
    with pytest.raises(ParamsError, match="someone who signs"):
        export(told / "toy", tmp_path / "audit")


def test_a_folder_that_is_there_is_not_written_into(told, tmp_path):
    """What an earlier export wrote is not mixed with a new one."""
    (tmp_path / "audit").mkdir()
    with pytest.raises(ParamsError, match="there already"):
        export(told / "toy", tmp_path / "audit")
    assert list((tmp_path / "audit").iterdir()) == []


@pytest.mark.parametrize("pattern", ["facts/lost.json", "run.json", "*"])
def test_a_pattern_must_fit_something_that_can_go(told, tmp_path, pattern):
    """A slip of the pen leaves nothing in that was meant to stay at home; what all need is not left out."""
    with pytest.raises(ParamsError, match="cannot be left out"):
        export(told / "toy", tmp_path / "audit", (pattern,))
    assert not (tmp_path / "audit").exists()


def test_single_files_can_be_left_out(told, tmp_path):
    """Of the last run one file of facts stays at home; the rest of its facts goes along."""
    out = tmp_path / "audit"
    done = call("export", "toy", "--out", out, "--leave-out", "facts/01*", "--reports", told)
    assert done.exit_code == 0, done.output
    assert not list(out.rglob("01_uefi.json"))
    assert [path.name for path in out.rglob("facts/*")] == ["last.json"]
    assert call("verify", out).exit_code == 0


def test_a_copy_is_not_pruned(told, tmp_path):
    """A run has one record of what went; a second pruning would delete what the first does not name."""
    out = tmp_path / "audit"
    call("export", "toy", "--out", out, "--reports", told)
    with pytest.raises(ParamsError, match="is not pruned"):
        prune.plan(out / "toy", 1, 0)
    assert call("verify", out).exit_code == 0


def test_of_a_copy_no_more_is_left_out(told, tmp_path):
    """A second export cannot take out what the first one's record does not name; it says so and writes nothing."""
    first, second = tmp_path / "first", tmp_path / "second"
    call("export", "toy", "--out", first, "--reports", told)
    with pytest.raises(ParamsError, match="pruned before"):
        export(first / "toy", second, ("index.html",))
    assert not second.exists()


def test_facts_that_a_cut_off_pruning_left_are_not_handed_on(told, tmp_path):
    """The record names them, so they go from the copy, and it still verifies."""
    newest = sorted((told / "toy").glob("2026*"))[-1]
    tombstone.write(
        newest, "2026-02-01T00:00:00Z", "--keep 1", ("facts/01_uefi.json", "facts/last.json"), keys.operator()
    )
    out = tmp_path / "audit"
    assert call("export", "toy", "--out", out, "--reports", told).exit_code == 0
    assert not list(out.rglob("facts"))
    assert call("verify", out).exit_code == 0
