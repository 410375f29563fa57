"""Reports of plans: apart from the runs, outside of their chain, the newest few of each host."""

import json
import shutil

import pytest
from click.testing import CliRunner

from runbook.attestation import keys, ledger
from runbook.attestation.places import PLANS, files_of, plans_in
from runbook.attestation.statement import NAME, runs_in
from runbook.attestation.verify import verify
from runbook.cli import main
from runbook.errors import CheckFailed, RunbookError
from runbook.evidence import abandoned, archive, drift, timings, vouched
from runbook.evidence.plans import KEPT
from runbook.params.names import host_name
from tests.evidence.attested import archived, record
from tests.evidence.test_verify import alter


def call(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)], catch_exceptions=False)


def plan(reports, number, **more):
    return archived(reports, number, mode="plan", **more)


@pytest.fixture
def planned(reports):
    """Return the four attested runs of a host, and seven plans after them."""
    for number in range(10, 17):
        plan(reports, number)
    return reports


def test_the_newest_plans_are_kept_and_no_run_goes_for_one(planned):
    """After seven plans the newest five are there, beside four runs of which nothing changed."""
    host = planned / "toy"
    assert [int(place.name[-6:], 16) for place in plans_in(host)] == list(range(16 - KEPT + 1, 17))
    assert len(runs_in(host)) == 4


def test_a_removal_that_is_cut_off_leaves_no_half_a_plan(planned, monkeypatch):
    """Whatever stops it, each plan that is there verifies, and what is left of the one that went goes with the next run."""
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", _after_one_file)
        with pytest.raises(RunbookError, match="cannot be written"):
            plan(planned, 17)
    assert len(plans_in(planned / "toy")) == KEPT
    assert {v.status for v in verify(planned / "toy", keys.own())} == {"good"}
    assert [*planned.glob(f"toy/{PLANS}/{archive.UNMADE}")] != []
    abandoned.finish_orphans(planned)
    assert [*planned.glob(f"toy/{PLANS}/.*")] == []


def _after_one_file(folder, **_):
    (folder / "run.json").unlink()
    raise OSError("the power went")


def test_a_plan_under_way_is_not_counted_and_stays(reports):
    """Six later plans take none away that has not ended."""
    is_open = plan(reports, 10, outcome="running")
    for number in range(11, 11 + KEPT + 1):
        plan(reports, number)
    assert is_open in plans_in(reports / "toy")
    assert len(plans_in(reports / "toy")) == KEPT + 1


def test_only_what_plans_lies_there(reports):
    """Mode auto plans on a real host, and replays a recorded one; a check is a run."""
    assert archived(reports, 10, mode="auto").parent.name == PLANS
    assert archived(reports, 11, mode="auto", params="kind: recorded\n").parent.name == "toy"
    assert archived(reports, 12, mode="check").parent.name == "toy"


def test_the_chain_and_the_ledger_do_not_know_of_plans(planned):
    """The next run follows the last run, and the ledger has a line for each run alone; all of it verifies."""
    last = runs_in(planned / "toy")[-1]
    before = len(ledger.load(planned))
    plan(planned, 20)
    after = archived(planned, 21)
    assert ledger.load(planned)[-1].subjects.keys() == {ledger.subject("toy", after.name)}
    assert len(ledger.load(planned)) == before + 1
    verdicts = {verdict.folder: verdict for verdict in verify(planned, keys.own())}
    assert verdicts[after].attested.previous[0] == last.name
    assert [verdict.status for verdict in verdicts.values()] == ["good"] * (5 + KEPT)


def test_plans_among_the_runs_of_before_stay_valid(reports, monkeypatch):
    """What an earlier version put into the chain verifies, and is listed with the plans of today."""
    with monkeypatch.context() as patch:
        patch.setattr("runbook.evidence.record.RunRecord.is_plan", False)
        old = plan(reports, 10)
    new = plan(reports, 11)
    assert (old.parent.name, new.parent.name) == ("toy", PLANS)
    assert {verdict.status for verdict in verify(reports, keys.own())} == {"good"}
    listed = call("list", "toy", "--reports", reports).stdout
    assert old.name in listed
    assert new.name in listed


@pytest.mark.parametrize("what", ["host", "plans", "plan"])
def test_verify_looks_at_plans_wherever_it_is_pointed(planned, what):
    """A file of a plan that was altered is found from the host, from the folder of plans, which means it, and from the plan."""
    place = plans_in(planned / "toy")[2]
    path = {"host": planned / "toy", "plans": place.parent, "plan": place}[what]
    done = call("verify", path)
    assert done.exit_code == 0
    assert done.stdout.count("The chain ends with") == (what != "plan")
    assert f"toy/{place.name}" in done.stdout
    alter(place)
    altered = call("verify", path)
    assert altered.exit_code == 1
    assert "A file was altered" in altered.output


def test_a_run_is_not_hidden_among_the_plans(planned):
    """The newest run, moved there, is named as one, by itself and from its host."""
    last = runs_in(planned / "toy")[-1]
    moved = planned / "toy" / PLANS / last.name
    last.rename(moved)
    with pytest.raises(CheckFailed, match="A run was moved"):
        list(verify(moved, keys.own()))
    with pytest.raises(CheckFailed, match="removed"):
        list(verify(planned, keys.own()))


def test_a_plan_is_not_passed_off_as_a_run_or_as_anothers(planned):
    """Among the runs it belongs to no chain; in another host's folder it is named as moved."""
    place = plans_in(planned / "toy")[0]
    other = planned / "other" / PLANS / place.name
    shutil.copytree(place, other)
    with pytest.raises(CheckFailed, match="A plan was moved"):
        list(verify(planned / "other", keys.own()))
    shutil.rmtree(planned / "other")
    shutil.copytree(place, planned / "toy" / place.name)
    with pytest.raises(CheckFailed, match=r"order of runs was altered|A run was added"):
        list(verify(planned, keys.own()))


def test_a_link_in_place_of_the_plans_is_named(planned):
    """verify follows none."""
    folder = planned / "toy" / PLANS
    folder.rename(planned.with_name("elsewhere"))
    folder.symlink_to(planned.with_name("elsewhere"))
    with pytest.raises(CheckFailed, match="The plans were moved"):
        list(verify(planned, keys.own()))


def test_a_plan_whose_runner_died_is_finished(reports):
    """Its record says killed, and it verifies as unsigned; half-made folders go."""
    place = plan(reports, 10, outcome="running")
    half = place.with_name(".20260130T100000Z-aaaaaa.part")
    half.mkdir()
    settled = abandoned.finish_orphans(reports)
    assert [done.id for done in settled] == [place.name]
    assert json.loads((place / "run.json").read_text())["outcome"] == "killed"
    assert not half.exists()
    assert [v.status for v in verify(place, keys.own())] == ["unsigned"]


def test_pages_lead_to_a_plan_and_back(planned):
    """Every link between the page of all reports, that of a host and that of a plan leads to a file."""
    place = plans_in(planned / "toy")[-1]
    for page in (planned / "index.html", planned / "toy" / "index.html", place / "index.html"):
        links = [part.split('"')[0] for part in page.read_text().split('href="')[1:]]
        files = [link.partition("#")[0] for link in links if link.partition("#")[0]]
        assert files
        assert [link for link in files if not (page.parent / link).exists()] == []
    for page in (planned / "index.html", planned / "toy" / "index.html"):
        assert f"{PLANS}/{place.name}/index.html" in page.read_text()
        assert f"the newest {KEPT}" in page.read_text()


def test_list_open_and_the_names_of_runs_know_plans(planned):
    """list has the plans that are there; open finds the newest, and each by host and id, by id, and by path."""
    newest = plans_in(planned / "toy")[-1]
    rows = json.loads(call("list", "toy", "--json", "--reports", planned).stdout)
    assert [row["id"] for row in rows if row["mode"] == "plan"] == [
        place.name for place in reversed(plans_in(planned / "toy"))
    ]
    for which in ("toy", f"toy/{newest.name}", f"toy/plans/{newest.name}", newest.name, str(newest)):
        assert call("open", which, "--reports", planned).stdout.strip() == str(newest / "index.html")


def test_a_host_of_which_there_are_only_plans_is_one(tmp_path, monkeypatch):
    """It is listed, verified and named in the reason where another is missing."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    reports = tmp_path / "reports"
    place = plan(reports, 1)
    assert place.name in call("list", "--reports", reports).stdout
    assert [v.folder for v in verify(reports / "toy", [])] == [place]
    assert [v.folder for v in verify(reports, [])] == [place]
    assert "there are reports of: toy" in call("list", "tay", "--reports", reports).output


def test_what_looks_at_runs_does_not_take_a_plan_for_one(planned):
    """Drift compares with a run, the way back reads the journals of runs, and a time is that of the same mode."""
    run = archived(planned, 30, mode="check")
    assert drift.last_good(planned, run, is_recorded=False) is None
    assert set(vouched.journals(planned / "toy").lines) == {place.name for place in runs_in(planned / "toy")}
    assert timings.last_time(planned / "toy", "plan") is not None


def test_a_plans_name_comes_after_every_run_and_plan(planned):
    """The next id is later than the last plan's, whatever the clock says."""
    late = record(40_000)
    late.mode = "plan"
    file = planned.with_name("params.yml")
    place = archive.create(planned, late, file)
    assert archive.new_id(planned, "toy") > place.name


def test_a_copy_that_is_handed_on_has_the_plans_and_verifies(planned, tmp_path):
    """export takes them along, so that the page of the host leads nowhere in vain."""
    out = tmp_path / "copy"
    assert call("export", "toy", "--out", out, "--reports", planned).exit_code == 0
    assert len(plans_in(out / "toy")) == KEPT
    assert call("verify", out).exit_code == 0
    assert (out / ledger.FILE).is_file()
    assert not (out / "toy" / ledger.FILE).exists()


def test_pruning_counts_runs_alone(planned):
    """With four runs and five plans, keeping four runs removes nothing."""
    assert "Nothing to prune" in call("prune", "toy", "--keep", 4, "--reports", planned).stdout


def test_no_host_is_called_plans():
    """Its runs would be taken for plans."""
    with pytest.raises(ValueError, match="reports of plans"):
        host_name("plans")


def test_attestations_of_plans_name_no_other(planned):
    """A plan that is gone is missed by nothing."""
    for place in plans_in(planned / "toy"):
        assert (place / NAME).is_file()
    shutil.rmtree(plans_in(planned / "toy")[2])
    assert {verdict.status for verdict in verify(planned, keys.own())} == {"good"}


def test_what_is_being_made_or_removed_is_no_run(planned):
    """Neither the lists, nor the time of the last time, nor the next name reckon with it."""
    host = planned / "toy"
    place = plans_in(host)[-1]
    for folder in (place, runs_in(host)[-1]):
        shutil.copytree(folder, folder.with_name(f".{folder.name}.part"))
    assert [path.parent for path in files_of(planned, "run.json", "toy")] == [*runs_in(host), *plans_in(host)]
    assert len(archive.newest_first(planned, "toy")) == 4 + KEPT
