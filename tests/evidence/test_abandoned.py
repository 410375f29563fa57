"""Runs whose runner died: told from those that live, and finished from their own journal."""

import json

import nbformat
import pytest

from runbook.attestation import keys
from runbook.attestation.statement import NAME, read
from runbook.attestation.verify import verify
from runbook.engine.journal import Journal
from runbook.errors import CheckFailed, RunbookError
from runbook.evidence import abandoned, archive
from runbook.evidence.outcomes import StepEnd
from runbook.evidence.record import NotebookRecord, RunRecord
from tests.evidence.attested import alone
from tests.evidence.toys import notebook, statuses


@pytest.fixture
def place(tmp_path):
    """Return the folder of a run whose record says that its first notebook is running, in its second step."""
    params = tmp_path / "toy.yml"
    params.write_text("host: toy\n")
    books = [
        NotebookRecord("05_now", "Now", "running", steps=[StepEnd("one"), StepEnd("two"), StepEnd("three")]),
        NotebookRecord("09_later", "Later", steps=[StepEnd("four")]),
    ]
    made_with = {"source": {"commit": None, "dirty": None}, "python": "3", "controller": "x", "packages": {}}
    record = RunRecord(
        "20260101T100000Z-00000a", "toy", "trixie", "local", "apply", {"path": "p", "digest": "d"}, made_with
    )
    record.notebooks = books
    folder = archive.create(tmp_path / "reports", record, params)
    archive.save(folder, record)
    journal = Journal(folder / "journal.jsonl")
    for event, step in (("step-begin", "one"), ("step-end", "one"), ("step-begin", "two")):
        journal.write(event, notebook="05_now", step=step, status="changed", actions=1)
    nb = notebook("1", "2", "3")
    for cell, status in zip(nb.cells[1:], ("completed", "running", "never-run"), strict=True):
        cell.metadata["papermill"] = {"status": status}
    nb.metadata["papermill"] = {}
    nbformat.write(nb, folder / "05_now.ipynb")
    (folder / ".run.json.x.part").write_text("{half")
    return folder


def test_a_dead_runs_report_is_finished_from_its_journal(place):
    """Run, notebook, step and cell are killed, what ended keeps its end, and no exit code is made up."""
    (record,) = abandoned.finish_orphans(place.parent.parent)
    said = json.loads((place / "run.json").read_text())
    assert record.as_dict() == said
    assert (said["outcome"], said["exit_code"], said["ended"], said["seconds"]) == (
        "killed",
        None,
        None,
        None,
    )
    assert [book["status"] for book in said["notebooks"]] == ["killed", "never-run"]
    ends = [end["status"] for book in said["notebooks"] for end in book["steps"]]
    assert ends == ["changed", "killed", "never-run", "never-run"]
    assert (said["failure"]["cell"], said["failure"]["exit_code"]) == ("c1", None)
    assert "Running when it stopped: two" in said["failure"]["message"]
    executed = nbformat.read(place / "05_now.ipynb", 4)
    assert statuses(executed) == {"c0": "completed", "c1": "killed", "c2": "never-run"}
    for page in (place / "index.html", place / "05_now.html", place.parent.parent / "index.html"):
        assert "pill s-killed" in page.read_text()
    assert list(place.glob(".*")) == []


def test_a_notebook_that_was_saved_too_early_is_brought_up_to_its_journal(place):
    """The journal is ahead of the last save: cells that it knows to have ended or begun say so."""
    nb = notebook("1", 'book.apply("one")', 'book.apply("two")', 'book.apply("three")')
    for cell, status in zip(nb.cells[1:], ("running", *["never-run"] * 3), strict=True):
        cell.metadata["papermill"] = {"status": status}
    nbformat.write(nb, place / "05_now.ipynb")
    (record,) = abandoned.finish_orphans(place.parent.parent)
    found = statuses(nbformat.read(place / "05_now.ipynb", 4))
    assert found == {"c0": "completed", "c1": "completed", "c2": "killed", "c3": "never-run"}
    assert record.failure.cell == "c2"


def test_a_finished_report_is_left_alone(place):
    """The second look changes nothing."""
    abandoned.finish_orphans(place.parent.parent)
    before = (place / "run.json").stat().st_mtime_ns
    assert abandoned.finish_orphans(place.parent.parent) == []
    assert (place / "run.json").stat().st_mtime_ns == before


def test_a_run_under_way_is_not_taken_for_dead(place):
    """While its runner holds it, the record goes on saying `running`."""
    before = (place / "run.json").read_text()
    with abandoned.held(place):
        assert abandoned.finish_orphans(place.parent.parent) == []
    assert (place / "run.json").read_text() == before


def test_a_record_of_something_else_is_left_as_it_is(place, caplog):
    """What cannot be understood is not rewritten, only warned about."""
    said = {**json.loads((place / "run.json").read_text()), "notebooks": [{"odd": 1}]}
    (place / "run.json").write_text(json.dumps(said))
    assert abandoned.finish_orphans(place.parent.parent) == []
    assert json.loads((place / "run.json").read_text()) == said
    assert "stays as it is" in caplog.text


def test_who_finishes_a_dead_run_does_not_sign_for_it(place, tmp_path, monkeypatch):
    """Whoever writes a folder with an open end must not get the operator's signature under it."""
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    (record,) = abandoned.finish_orphans(place.parent.parent)
    (verdict,) = verify(place.parent, keys.own())
    assert (record.signed_by, verdict.status) == (None, "unsigned")


def test_a_run_is_finished_once(place):
    """Two who look at the same moment: the second finds it held, and afterwards finished."""
    with abandoned._let_go(place) as is_mine:
        assert is_mine
        assert abandoned.finish_orphans(place.parent.parent) == []
    assert len(abandoned.finish_orphans(place.parent.parent)) == 1
    assert abandoned.finish_orphans(place.parent.parent) == []


def test_a_run_is_not_attested_twice(place):
    """An attestation that is there is never replaced by another."""
    (record,) = abandoned.finish_orphans(place.parent.parent)
    before = (place / NAME).read_bytes()
    with pytest.raises(RunbookError, match="attested already"):
        archive.seal(place, record, None)
    assert (place / NAME).read_bytes() == before
    assert read(place).previous is None


@pytest.mark.parametrize("moment", ["the last word", "the attestation", "the end"])
def test_a_run_that_is_killed_while_it_is_closed_is_killed_or_signed(place, tmp_path, monkeypatch, moment):
    """Without an attestation it is a dead run; with one it is closed as it was about to be, signature and all."""
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    record = RunRecord.from_dict(json.loads((place / "run.json").read_text()))
    record.close("completed", 0)
    at = {
        "the last word": "runbook.evidence.archive.sweep",
        "the attestation": "runbook.attestation.dsse.seal",
        "the end": "runbook.attestation.closing._put_in_force",
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(at, lambda *args: (_ for _ in ()).throw(SystemExit("killed")))
        with pytest.raises(SystemExit):
            archive.close(place, record)
    assert [v.status for v in verify(place.parent, keys.own())] == ["never closed"]
    (settled,) = abandoned.finish_orphans(place.parent.parent)
    (verdict,) = verify(place.parent, keys.own())
    is_signed = moment == "the end"
    assert (settled.outcome, verdict.status) == (
        ("completed", "good") if is_signed else ("killed", "unsigned")
    )
    assert not list(place.glob("*.closing"))


def test_an_attestation_is_never_replaced(place, tmp_path, monkeypatch):
    """A planted last word, and a record that says `running` again, change no attested run: it stays as it is, for `verify`."""
    abandoned.finish_orphans(place.parent.parent)
    before, attestation = (place / "run.json").read_text(), (place / "attestation.json").read_bytes()
    altered = before.replace('"outcome": "killed"', '"outcome": "running"')
    for planted in ("", before.replace("killed", "completed")):
        (place / "run.json").write_text(altered)
        if planted:
            (place / "run.json.closing").write_text(planted)
        assert abandoned.finish_orphans(place.parent.parent) == []
        assert (place / "run.json").read_text() == altered
        assert (place / "attestation.json").read_bytes() == attestation


@pytest.mark.parametrize("left", [(), ("params.yml",), ("params.yml", "journal.jsonl"), ("journal.jsonl",)])
def test_a_run_that_never_wrote_a_record_is_killed_too(tmp_path, left):
    """Whatever its folder holds, the next look gives it a record, a page and an unsigned attestation, once."""
    place = tmp_path / "reports/toy/20260101T100000Z-00000a"
    place.mkdir(parents=True)
    for name in left:
        (place / name).write_text("host: toy\nconnection: {kind: local}\n" if name == "params.yml" else "")
    (record,) = abandoned.finish_orphans(tmp_path / "reports")
    assert (record.outcome, record.exit_code, record.started) == ("killed", None, "2026-01-01T10:00:00.000Z")
    assert record.connection == ("local" if "params.yml" in left else "unknown")
    (verdict,) = verify(place.parent, ())
    assert (verdict.status, verdict.attested.outcome) == ("unsigned", "killed")
    assert "pill s-killed" in (place / "index.html").read_text()
    assert place.name in (place.parent / "index.html").read_text()
    assert abandoned.finish_orphans(tmp_path / "reports") == []


def test_a_run_that_is_being_made_is_not_taken_for_dead(place, tmp_path):
    """From its first moment a run's folder is whole and held; what was only being made goes, and was no run."""
    record = RunRecord.from_dict(json.loads((place / "run.json").read_text()))
    record.id = "20260101T100001Z-00000b"
    reports = place.parent.parent
    half = place.parent / ".20260101T100001Z-00000c.part"
    half.mkdir()
    with abandoned.begun(reports, record, tmp_path / "toy.yml") as new:
        assert [found.id for found in abandoned.finish_orphans(reports)] == [place.name]
        assert json.loads((new / "run.json").read_text())["outcome"] == "running"
    assert not half.exists()
    assert [found.id for found in abandoned.finish_orphans(reports)] == [record.id]


def test_what_is_no_run_is_left_alone(tmp_path):
    """Links, other names and a run whose record was removed from beside its attestation are not finished."""
    host = tmp_path / "reports/toy"
    (host / "notes").mkdir(parents=True)
    (host / "20260101T100000Z-00000a").mkdir()
    (host / "20260101T100000Z-00000a/attestation.json").write_text("{}")
    (host / "20260101T100000Z-00000b").symlink_to(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert abandoned.finish_orphans(tmp_path / "reports") == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("recording", ["a file", "missing"])
def test_a_recording_that_cannot_be_read_costs_no_end(tmp_path, place, recording):
    """Closing a replay survives a recording that is a file or is gone; the attestation then names none."""
    found = tmp_path / "recording"
    if recording == "a file":
        found.write_text("x")
    text = f"host: toy\nconnection: {{kind: recorded, recording: {found}}}\n"
    (place / "params.yml").write_text(text)
    record = RunRecord.from_dict(json.loads((place / "run.json").read_text()))
    record.connection = "recorded"
    record.close("completed", 0)
    archive.close(place, record)
    assert json.loads((place / "run.json").read_text())["outcome"] == "completed"
    assert [v.status for v in verify(place.parent, ())] == ["unsigned"]


def test_closing_file_hides_alterations(place, tmp_path, monkeypatch):
    """A planted last word changes no report and hides nothing: it is an added file before and after a settling."""
    abandoned.finish_orphans(place.parent.parent)
    before = (place / "run.json").read_text()
    (place / "run.json.closing").write_text(before.replace("killed", "completed"))
    with pytest.raises(CheckFailed, match="A file was added"):
        list(verify(place.parent, ()))
    (place / "run.json").write_text(before.replace('"outcome": "killed"', '"outcome": "running"'))
    whole = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert abandoned.finish_orphans(place.parent.parent) == []
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == whole
    with pytest.raises(CheckFailed, match="A file was added"):
        list(verify(place.parent, ()))
