"""The ledger of all runs: begun once, entered by many at once, finished for the dead, continued from a head."""

import json
import multiprocessing
import os
import shutil
import subprocess
from contextlib import nullcontext

import pytest
from click.testing import CliRunner

from runbook.attestation import dsse, entering, keys, ledger, tombstone
from runbook.attestation.statement import NAME, digest, read
from runbook.attestation.verify import verify
from runbook.cli import main
from runbook.errors import CheckFailed, ParamsError
from runbook.evidence import abandoned
from tests.evidence.attested import alone, archived


def call(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)], catch_exceptions=False)


def runs(reports):
    return sorted((reports / "toy").glob("2*"))


def statuses(reports):
    return [verdict.status for verdict in verify(reports, keys.own())]


def test_each_run_is_a_signed_line_bound_to_the_one_before_it(reports):
    """The first line begins it, each other enters a run, and the head is what sha256sum gives for the last line."""
    entries = ledger.load(reports)
    assert [entry.what for entry in entries] == ["begin", *["run"] * 4]
    assert {entry.signer for entry in entries} == set(keys.own())
    assert [entry.fields["run"] for entry in entries[1:]] == [run.name for run in runs(reports)]
    assert [read(run).after for run in runs(reports)] == [entry.sha256 for entry in entries[:-1]]
    command = f"tail -n 1 {reports / ledger.FILE} | sha256sum"
    printed = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert entries[-1].head == f"5-{printed[:32]}"


def test_head_is_printed_and_compared(reports):
    """What `report head` printed is continued by the ledger of later days, and by no other."""
    head = call("head", "--reports", reports).stdout.strip()
    assert "it is the head of today" in call("head", head, "--reports", reports).stdout
    archived(reports, 4)
    archived(reports, 5)
    assert "2 lines since" in call("head", head, "--reports", reports).stdout
    assert call("verify", reports, "--head", head).exit_code == 0
    for wrong in (f"5-{'0' * 32}", f"9-{head[2:]}"):
        done = call("head", wrong, "--reports", reports)
        assert (done.exit_code, "does not continue" in done.stderr) == (1, True), done.output
        assert call("verify", reports, "--head", wrong).exit_code == 1
    for wrong in ("", "x", head[:-1], f"0{head}", "5-\x1b[2J"):
        assert call("head", wrong or " ", "--reports", reports).exit_code == 2


def test_without_a_ledger_there_is_no_head(tmp_path):
    """No ledger: said as such; and a head that was kept finds that it is gone."""
    done = call("head", "--reports", tmp_path)
    assert (done.exit_code, "no ledger yet" in done.stderr) == (2, True)
    done = call("head", f"5-{'0' * 32}", "--reports", tmp_path)
    assert (done.exit_code, "none any more" in done.stderr) == (1, True)


def test_runs_from_before_the_ledger_are_named_by_its_first_line(tmp_path, monkeypatch):
    """It begins with the first run after them; from then on none of the older ones goes unseen either."""
    alone(monkeypatch, tmp_path / "config")
    reports = tmp_path / "reports"
    keys.make()
    with monkeypatch.context() as past:
        past.setattr(entering, "opened", lambda *_: nullcontext(None))
        past.setattr(dsse, "seal", without_a_word_of_it)
        for number, host in enumerate(("alder", "birch", "birch")):
            run = archived(reports, number, host=host)
            tombstone.take_out(run, ("05_now.ipynb",), "export", keys.operator())
    known = keys.own()
    assert {v.status for v in verify(reports, known)} == {"pruned"}
    assert "There is no ledger: these runs are from before it" in call("verify", reports).stdout
    archived(reports, 400)
    first, second = ledger.load(reports)
    assert (len(first.subjects), first.what, second.what) == (3, "begin", "run")
    assert {v.status for v in verify(reports, known)} == {"pruned", "good"}
    newest = sorted((reports / "birch").glob("2*"))[-1]
    shutil.rmtree(newest)
    with pytest.raises(CheckFailed, match="A run was removed") as error:
        list(verify(reports, known))
    assert error.value.where == str(newest)


def without_a_word_of_it(kind, subjects, said, key, seal=dsse.seal):
    """Seal a statement as the runbook did before there was a ledger."""
    return seal(kind, subjects, {name: said[name] for name in said if name not in ("ledger", "sizes")}, key)


def close_one(reports, number, config):
    os.environ["XDG_CONFIG_HOME"] = str(config)
    archived(reports, number, host=f"host{number % 5}")


def test_runs_that_end_at_once_are_all_entered(tmp_path, monkeypatch):
    """Twelve processes close runs of five hosts: a line each, one after the other, and all is good."""
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=close_one, args=(tmp_path / "reports", number, tmp_path / "config"))
        for number in range(12)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 12
    assert len(ledger.load(tmp_path / "reports")) == 13
    assert statuses(tmp_path / "reports") == ["good"] * 12


@pytest.mark.parametrize("finisher", ["a list", "a run"])
def test_a_run_killed_before_it_was_entered_waits_and_is_entered(reports, monkeypatch, finisher):
    """It is `not entered`, which is no alteration; the next list or run enters it, unsigned, and all is good."""
    with monkeypatch.context() as patch:
        patch.setattr(entering.Book, "enter", lambda *args: (_ for _ in ()).throw(SystemExit("killed")))
        with pytest.raises(SystemExit):
            archived(reports, 4)
    assert statuses(reports) == ["good"] * 4 + ["not entered"]
    done = call("verify", reports)
    assert (done.exit_code, "NOT YET in the ledger" in done.stdout) == (3, True)
    call("list", "--reports", reports) if finisher == "a list" else archived(reports, 5)
    assert set(statuses(reports)) == {"good"}
    entry = ledger.load(reports)[5]
    assert (entry.fields["run"], entry.signer) == (runs(reports)[4].name, None)
    assert "1 of them not signed" in call("verify", reports).stdout


def test_a_line_torn_by_a_power_cut_is_taken_away_by_the_next_run(reports):
    """Half a line is no line; the run that it was for is entered anew."""
    whole = (reports / ledger.FILE).read_bytes()
    (reports / ledger.FILE).write_bytes(whole[:-40])
    archived(reports, 4)
    assert len(ledger.load(reports)) == 6
    assert set(statuses(reports)) == {"good"}


def test_a_full_disk_leaves_no_half_line(reports, monkeypatch):
    """A run whose line cannot be written is closed all the same, waits, and is entered later."""
    write = os.write

    def full(handle, data):
        if os.fstat(handle).st_ino == (reports / ledger.FILE).stat().st_ino:
            write(handle, data[:10])
            raise OSError(28, "No space left on device")
        return write(handle, data)

    before = (reports / ledger.FILE).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        archived(reports, 4)
    assert (reports / ledger.FILE).read_bytes() == before
    assert statuses(reports)[-1] == "not entered"
    abandoned.finish_orphans(reports)
    assert set(statuses(reports)) == {"good"}


def test_a_removed_ledger_is_not_begun_again(reports):
    """A run that ends meanwhile is closed and warned about; with the ledger back it is entered."""
    aside = reports.with_name("aside")
    shutil.move(reports / ledger.FILE, aside)
    archived(reports, 4)
    assert not (reports / ledger.FILE).exists()
    with pytest.raises(CheckFailed, match="The ledger was removed"):
        statuses(reports)
    shutil.move(aside, reports / ledger.FILE)
    assert statuses(reports)[-1] == "not entered"
    abandoned.finish_orphans(reports)
    assert set(statuses(reports)) == {"good"}


def test_a_killed_run_is_entered_unsigned(reports):
    """A run whose runner died is settled, and its line says so without a signature."""
    place = archived(reports, 4, "running")
    abandoned.finish_orphans(reports)
    entry = ledger.load(reports)[-1]
    assert (entry.fields["run"], entry.fields["outcome"], entry.signer) == (place.name, "killed", None)
    assert entry.subjects == {ledger.subject("toy", place.name): digest(place / NAME)}
    done = call("verify", reports)
    assert (done.exit_code, "1 of them not signed" in done.stdout) == (3, True)
    assert "not everything is vouched for in 5 runs: 4 good, 1 unsigned" in " ".join(done.stdout.split())


def test_signing_oracle(reports):
    """Evidence that was altered, with its attestation taken away, is not attested anew by a list of runs."""
    newest = runs(reports)[-1]
    run = json.loads((newest / "run.json").read_text())
    (newest / "run.json").write_text(json.dumps(run | {"outcome": "running", "exit_code": None}))
    (newest / "journal.jsonl").write_text('{"event": "open", "machine": "other"}\n')
    (newest / NAME).unlink()
    for _ in range(2):
        done = call("verify", reports)
        assert (done.exit_code, "An attestation was removed" in done.stderr) == (1, True)
        call("list", "--reports", reports)
        assert not (newest / NAME).exists()


def test_an_exported_copy_has_a_ledger_of_its_own(reports, tmp_path):
    """It names the ledger that it is from, no other host, and a run that is missing from the copy shows."""
    archived(reports, 4, host="plum")
    out = tmp_path / "audit"
    call("export", "toy", "--out", out, "--reports", reports)
    (line,) = ledger.load(out)
    assert line.fields["excerpt_of"] == ledger.load(reports)[-1].head
    assert "plum" not in (out / ledger.FILE).read_text()
    done = call("verify", out, "--key", out / "signing-key.pub")
    assert (done.exit_code, "This copy's ledger" in done.stdout) == (0, True), done.output
    shutil.rmtree(sorted((out / "toy").glob("2*"))[-1])
    assert call("verify", out, "--key", out / "signing-key.pub").exit_code == 1


def test_somebody_who_holds_the_ledger_is_not_waited_for_for_ever(reports, monkeypatch):
    """A run is closed all the same, and entered by the next command."""
    monkeypatch.setattr(entering, "WAIT_S", 0.1)
    with entering.held(reports):
        archived(reports, 4)
    assert statuses(reports)[-1] == "not entered"
    with pytest.raises(ParamsError, match="no head of a ledger"):
        ledger.compare(ledger.load(reports), "head", reports)
