"""`runbook fleet` at the keyboard: clear words, true exit codes, and resuming."""

import functools
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

import runbook.fleet.run
from runbook.cli import main
from runbook.cli.fleet_show import LiveFleet
from runbook.evidence.fleets.record import HostState
from runbook.fleet import members
from tests.evidence.attested import alone
from tests.evidence.toys import ROOT
from tests.fleet.conftest import FAILS, FAKE


@pytest.fixture
def call(fleet, monkeypatch):
    """Return a function that calls `runbook fleet` with fake children; there are parameter files a.yml to d.yml."""
    run = functools.partial(runbook.fleet.run.run_fleet, command=FAKE)
    monkeypatch.setattr("runbook.fleet.run.run_fleet", run)
    # Fake children leave no reports; what a real report proves has tests of its own.
    monkeypatch.setattr("runbook.fleet.sealed.has_completed", lambda reports, host: host.state == "completed")
    alone(monkeypatch, fleet.place / "config")
    for name in "abcd":
        text = f"host: {name}\nconnection: {{kind: recorded, recording: .}}\n"
        (fleet.place / f"{name}.yml").write_text(text)

    def call(*words):
        argv = ["fleet", *words, "--reports", str(fleet.place / "reports")]
        return CliRunner().invoke(main, argv, catch_exceptions=False)

    return call


ALL = ("a.yml", "b.yml", "c.yml", "d.yml")


def test_plain_lines_tell_what_happens(call, fleet):
    """Without a terminal there is a line when a host begins and ends; the failed ones and the report come last."""
    fleet.wish("b", **FAILS)
    done = call(*ALL[:2], "--parallel", "1")
    lines = done.output.splitlines()
    assert lines[:2] == ["a: begins", "a: 1/1 05_work"]
    assert lines[2].startswith("a: completed in ")
    assert any(
        line.startswith("b: failed in ") and line.endswith("05_work · first: CheckFailed: it is off")
        for line in lines
    )
    assert "Of 2 hosts: 1 completed, 1 failed." in lines
    assert lines[-1].endswith("index.html")
    assert done.exit_code == 1


def test_doubles_start_nothing(call, fleet):
    """Two files for one host end the command with 2; no child lives, no report is begun."""
    (fleet.place / "b.yml").write_text((fleet.place / "a.yml").read_text())
    done = call(*ALL)
    assert done.exit_code == 2
    assert "Two parameter files are of the host a" in done.output
    assert not (fleet.place / "reports").exists()
    assert not any(fleet.life(name) for name in "abcd")


def test_resume_runs_only_what_did_not_complete(call, fleet):
    """What failed and what never ran is run, what completed is not; a resumed run can be resumed too."""
    fleet.wish("b", **FAILS)
    fleet.wish("c", **FAILS)
    first = json.loads(call(*ALL, "--parallel", "1", "--max-failures", "2", "--json").stdout)
    assert [host["state"] for host in first["hosts"]] == ["completed", "failed", "failed", "never-run"]

    fleet.wish("b")
    second = call("--resume", "--json", "--parallel", "1")
    content = json.loads(second.stdout)
    assert [host["state"] for host in content["hosts"]] == ["completed", "completed", "failed", "completed"]
    assert [host["earlier"] for host in content["hosts"]] == [first["id"], "", "", ""]
    assert (content["resumes"], second.exit_code) == (first["id"], 1)

    fleet.wish("c")
    third = call(*ALL, "--resume", "--quiet")
    assert third.exit_code == 0
    begun = {name: len(fleet.life(name)) // 2 for name in "abcd"}
    assert begun == {"a": 1, "b": 2, "c": 3, "d": 1}
    page = Path(third.output.splitlines()[-1]).read_text()
    assert f'href="../{first["id"]}/index.html"' in page
    assert "There is nothing to resume" in call("--resume").output


def test_resume_says_what_it_leaves_out(call, fleet):
    """Hosts that the last fleet run did not have, and unfinished ones that are not given any more, are named."""
    for name in "abc":
        fleet.wish(name, **FAILS)
    call(*ALL[:3])
    for name in "abc":
        fleet.wish(name)
    done = call("b.yml", "c.yml", "d.yml", "--resume")
    assert done.exit_code == 0
    assert "Left out, for the last fleet run did not know it: d" in done.output
    assert "Left out, for it is not given any more: a" in done.output
    assert [len(fleet.life(name)) // 2 for name in "abcd"] == [1, 2, 2, 0]


def test_resume_never_changes_the_mode_by_itself(call):
    """A fleet run in mode plan is not resumed in another mode: to apply has to be said, and was not."""
    call("a.yml", "--mode", "plan")
    done = call("--resume", "--mode", "apply")
    assert done.exit_code == 2
    assert "the last one was in mode plan" in done.output


def test_resume_leaves_out_the_projects_files_too(call, fleet):
    """`params/*.yml` means the same with --resume: one's own hosts."""
    fleet.wish("a", **FAILS)
    call("a.yml")
    fleet.wish("a")
    shipped = [str(ROOT / "params" / name) for name in ("example.yml", "testbed.yml")]
    done = call(*shipped, "a.yml", "--resume")
    assert done.exit_code == 0, done.output
    assert "Left out, for they come with the project" in done.output


def test_resume_goes_on_with_the_newest_run_in_its_mode(call, fleet):
    """A check or a plan in between does not bury what was stopped; it is asked what that one was asked, and no other."""
    fleet.wish("b", **FAILS)
    call(*ALL[:2], "--mode", "apply", "--only", "03")
    call("a.yml", "--mode", "check")
    other = call("--resume", "--mode", "apply", "--only", "05")
    assert (other.exit_code, "had --only 03" in other.output) == (2, True)
    other = call("--resume", "--mode", "apply", "--strict")
    assert (other.exit_code, "had no --strict" in other.output) == (2, True)
    fleet.wish("b")
    done = json.loads(call("--resume", "--mode", "apply", "--json").stdout)
    assert (done["asked"]["only"], done["outcome"]) == ("03", "completed")
    assert [begun["only"] for begun in fleet.life("b")[::2]] == ["03", "03"]


def test_a_notebook_that_is_not_there_is_refused_before_anything_starts(call, fleet):
    """No host begins, and there is no fleet run to resume."""
    done = call(*ALL, "--only", "55")
    assert done.exit_code == 2
    assert not (fleet.place / "reports").exists()
    assert not any(fleet.life(name) for name in "abcd")


def test_files_of_the_project_are_left_out_beside_ones_own(tmp_path):
    """`params/*.yml` means one's own hosts; the project's files, several of one host, are taken when they are alone."""
    mine = tmp_path / "mine.yml"
    shipped = sorted(map(str, (ROOT / "params").glob("*.yml")))
    assert members.own([*shipped, str(mine)]) == ([str(mine)], shipped)
    assert members.own(shipped[:1]) == (shipped[:1], [])
    assert members.own([str(tmp_path / "example.yml"), str(mine)])[1] == []


@pytest.mark.parametrize(("mode", "ran"), [("apply", 1), ("check", 4)])
def test_apply_stops_at_the_first_failure(call, fleet, mode, ran):
    """Without --max-failures mode apply begins no other host after the first that failed; the others go on."""
    fleet.wish("a", **FAILS)
    call(*ALL, "--mode", mode, "--parallel", "1")
    assert sum(bool(fleet.life(name)) for name in "abcd") == ran


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "no host to run"), (("a.yml", "--only", "05", "--from", "06"), "exclude each other"),
     (("a.yml", "--parallel", "0"), "parallel"), (("a.yml", "--serial", "none"), "size of a batch")],
)  # fmt: skip
def test_wrong_usage_starts_nothing(call, fleet, words, said):
    """Wrong options end with 2 and a sentence, and no child lives."""
    done = call(*words)
    assert done.exit_code == 2
    assert said in done.output
    assert fleet.life("a") == []


def test_the_live_table_shows_who_runs():
    """The table has a row for each running host with notebook, step, time and last line; ended ones leave it."""
    console = Console(file=io.StringIO(), width=110, force_terminal=True, color_system=None)
    live = LiveFleet(console, 3)
    one, two = HostState("one", "", "", "running"), HostState("two", "", "", "running")
    for host in (one, two):
        live.event(host, {"event": "host-begin"})
    one.notebook, one.step = "05_xen_installation", "install_xen"
    live.event(one, {"event": "output", "text": "Get:1\n\x1b[32mUnpacking [xen]\x1b[0m\n"})
    console.print(live.view())
    said = console.file.getvalue()
    rows = [line for line in said.splitlines() if line.startswith(("one", "two"))]
    assert [word for word in rows[0].split() if word not in ("s", "0.0", "0.1")] == [
        "one", "05_xen_installation", "install_xen", "running", "Unpacking", "[xen]",
    ]  # fmt: skip
    assert "1 wait" in said
    one.state, one.message = "failed", "CheckFailed: [it] is off\nmore"
    live.event(one, {"event": "host-end"})
    live.event(None, {"event": "enough", "failures": 1})
    assert [host.host for host, _ in live._running.values()] == ["two"]
    assert live._last == {}
    said = console.file.getvalue()
    assert "one: failed: 05_xen_installation · install_xen: CheckFailed: [it] is off: more" in said
    assert "No other host is begun: 1 did not complete" in said
