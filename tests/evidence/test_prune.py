"""`runbook report prune`: old runs lose their bulk; the chain and the way back hold."""

import random
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from runbook.attestation import keys, prune, tombstone
from runbook.attestation.statement import NAME, PRUNED
from runbook.attestation.verify import verify
from runbook.cli import main
from runbook.engine import undo
from runbook.engine.journal import Journal
from runbook.errors import CheckFailed
from runbook.evidence import archive
from runbook.evidence.vouched import journals
from tests.evidence.attested import archived, record

LEFT = {NAME, PRUNED, "journal.jsonl"}


def call(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)], catch_exceptions=False)


def runs(reports):
    return sorted((reports / "toy").glob("2026*"))


def files(run):
    return {path.name for path in run.iterdir()}


def statuses(reports):
    return [verdict.status for verdict in verify(reports, keys.own())]


def test_pruning_is_shown_first_and_done_when_meant(reports):
    """Without --apply nothing goes; with it the bulk goes, the chain still verifies and says what was pruned."""
    whole = files(runs(reports)[0])
    shown = call("prune", "toy", "--keep", 2, "--reports", reports)
    assert shown.exit_code == 0
    assert shown.stdout.count("would go: 4 files") == 2
    assert [files(run) for run in runs(reports)] == [whole] * 4

    assert call("prune", "toy", "--keep", 2, "--reports", reports, "--apply").exit_code == 0
    assert [files(run) for run in runs(reports)] == [LEFT, LEFT, whole, whole]
    done = call("verify", reports)
    assert done.exit_code == 0, done.output
    assert (
        " ".join(done.stdout.split()).count(
            f"pruned: 4 files were pruned on {datetime.now(UTC):%-d %b %Y}, signed by"
        )
        == 2
    )
    for page in (reports / "toy" / "index.html", reports / "index.html"):
        assert runs(reports)[0].name in page.read_text()
        assert page.read_text().count("was: apply completed") == 1
        assert page.read_text().count("was: apply failed") == 1
    listed = (
        CliRunner().invoke(main, ["report", "list", "toy", "--reports", str(reports)]).stdout.splitlines()
    )
    assert [line.split()[0] for line in listed if "pruned on" in line] == [
        f"toy/{r.name}" for r in runs(reports)[:2]
    ]
    assert "Nothing to prune" in call("prune", "toy", "--keep", 2, "--reports", reports).stdout
    archived(reports, 5)
    assert statuses(reports) == ["pruned", "pruned", "good", "good", "good"]


def test_what_the_next_check_compares_with_stays(reports):
    """After a plan, which looks at nothing that can be compared, the newest good apply or check stays too."""
    planned = archived(reports, 8, mode="plan")
    gone = [removal.folder for removal in prune.plan(reports / "toy", 1, 0)]
    assert gone == runs(reports)[:3]
    assert planned not in gone


def built(reports, number, mode, books):
    """Archive a run that completed so many notebooks."""
    run = record(number)
    run.mode = mode
    place = archive.create(reports, run, reports.with_name("params.yml"))
    for book in range(books):
        (place / f"{book:02}_book.ipynb").write_text('{"cells": []}')
    run.close("completed", 0)
    run.ended = run.started
    archive.close(place, run)
    return place


@pytest.mark.parametrize("seed", range(20))
def test_the_newest_complete_run_never_goes(reports, seed):
    """Whatever was planned, or run in part, after it: the run that built the host stays, and the newest full check."""
    rng, number = random.Random(seed), 10
    complete = {}
    for _ in range(rng.randint(0, 3)):
        built(reports, number := number + 1, rng.choice(("apply", "check")), rng.randint(1, 3))
    for mode in rng.sample(("apply", "check"), 2):
        complete[mode] = built(reports, number := number + 1, mode, 4)
    for _ in range(rng.randint(1, 4)):
        mode, books = rng.choice((("plan", 4), ("apply", 1), ("check", 2)))
        built(reports, number := number + 1, mode, books)
    keep = rng.randint(1, 3)
    gone = [removal.folder for removal in prune.plan(reports / "toy", keep, 0)]
    assert not set(complete.values()) & set(gone)
    assert runs(reports)[-1] not in gone
    assert gone, "something older went"


def test_plans_take_no_place_of_whole_runs(reports, monkeypatch):
    """With --keep 2 two whole runs stay, and two of those that only planned and lie among the runs as of before."""
    monkeypatch.setattr("runbook.evidence.record.RunRecord.is_plan", False)
    whole = [built(reports, number, "apply", 4) for number in (11, 12, 13)]
    plans = [built(reports, number, "plan", 4) for number in (14, 15, 16)]
    gone = [removal.folder for removal in prune.plan(reports / "toy", 2, 0)]
    assert [run for run in (*whole, *plans) if run in gone] == [whole[0], plans[0]]


def test_age_and_number_both_hold(reports):
    """With both options a run goes only when both say so; the newest and the newest good one always stay."""
    archived(reports, 9, "failed")
    for keep, days, gone in ((1, 0, 3), (4, 0, 1), (1, 100000, 0)):
        assert len(prune.plan(reports / "toy", keep, days)) == gone
    assert call("prune", "toy", "--reports", reports).exit_code == 2


def test_the_way_back_outlives_pruning(reports):
    """What `runbook undo` would take back is the same before and after."""
    place = archived(reports, 5, "running")
    journal = Journal(place / "journal.jsonl")
    way = {"undo": {"type": "Remove", "path": "/etc/x"}, "path": "/etc/x", "left": "0"}
    journal.write("action-begin", step="s", title="write /etc/x", **way)
    journal.write("action-end", step="s", status="done")
    for other in runs(reports)[:2]:
        assert (other / "journal.jsonl").exists()
    before = undo.history(journals(reports / "toy").lines, "00eaea0f29a6")
    prune.carry_out(reports / "toy", prune.plan(reports / "toy", 1, 0), "--keep 1")
    assert undo.history(journals(reports / "toy").lines, "00eaea0f29a6") == before
    assert [d.title for d in before] == ["write /etc/x"]
    assert "run.json" in files(place)


def test_a_journal_is_never_pruned(reports):
    """Every removal leaves the journal, and with it each run's actions and originals."""
    removals = prune.plan(reports / "toy", 1, 0)
    assert len(removals) == 3
    assert all("journal.jsonl" not in removal.names for removal in removals)


def test_altered_reports_are_not_pruned(reports):
    """Evidence that somebody altered a report is not tidied away: nothing goes."""
    (runs(reports)[0] / "params.yml").write_text("other\n")
    done = call("prune", "toy", "--keep", 1, "--apply", "--reports", reports)
    assert done.exit_code == 1
    assert "A file was altered" in done.stderr
    assert all(PRUNED not in files(run) for run in runs(reports))


def test_a_signed_run_is_pruned_only_with_a_signature(reports, monkeypatch, tmp_path):
    """Without a key a signed run stays; and an unsigned record of its pruning is not believed."""
    folder = reports / "toy"
    removals = prune.plan(folder, 1, 0)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    done = call("prune", "toy", "--keep", 1, "--apply", "--reports", reports)
    assert done.exit_code == 2
    assert "pruned by someone who signs for it" in done.stderr
    assert PRUNED not in files(runs(reports)[0])
    tombstone.write(removals[0].folder, "2026-02-01", "mine", removals[0].names, None)
    with pytest.raises(CheckFailed, match="Files were removed"):
        statuses(reports)


def test_unsigned_runs_can_be_pruned_unsigned(reports, monkeypatch, tmp_path):
    """Where nothing was signed, pruning works too, and is said to be unsigned."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    others = tmp_path / "others" / "reports"
    others.parent.mkdir()
    archived(others, 1)
    archived(others, 2)
    assert call("prune", "toy", "--keep", 1, "--apply", "--reports", others).exit_code == 0
    assert statuses(others) == ["unsigned", "unsigned"]
    assert files(runs(others)[0]) == LEFT


def test_pruning_that_was_cut_off_is_no_riddle(reports):
    """The record comes before the first removal: what is still there verifies, and the same command goes on."""
    first = prune.plan(reports / "toy", 2, 0)[0]
    tombstone.write(first.folder, "2026-02-01", "--keep 2", first.names, keys.operator())
    (first.folder / first.names[0]).unlink()
    assert statuses(reports) == ["pruned", "good", "good", "good"]
    prune.carry_out(reports / "toy", prune.plan(reports / "toy", 2, 0), "--keep 2")
    assert files(first.folder) == LEFT
    assert statuses(reports) == ["pruned", "pruned", "good", "good"]


TOMBSTONES = {
    "record": (lambda run: (run / PRUNED).unlink(), "A file was removed"),
    "journal": (lambda run: (run / "journal.jsonl").write_text(""), "A file was altered"),
    "whole": (lambda run: [p.unlink() for p in run.iterdir()], "An attestation was removed"),
    "attestation": (lambda run: (run / NAME).unlink(), "The attestation was removed"),
    "byte": (lambda run: (run / PRUNED).write_text((run / PRUNED).read_text()[:-1]), "pruning was altered"),
    "moved": (lambda run: (run / PRUNED).write_bytes((runs(run.parents[1])[1] / PRUNED).read_bytes()),
              "pruning was altered"),
}  # fmt: skip


@pytest.mark.parametrize("case", TOMBSTONES)
def test_what_stands_for_a_pruned_run_is_guarded_too(reports, case):
    """The record of a pruning, the journal and the attestation that stay cannot be altered or removed unseen."""
    prune.carry_out(reports / "toy", prune.plan(reports / "toy", 2, 0), "--keep 2")
    assert statuses(reports) == ["pruned", "pruned", "good", "good"]
    act, what = TOMBSTONES[case]
    act(runs(reports)[0])
    with pytest.raises(CheckFailed, match=what):
        statuses(reports)
