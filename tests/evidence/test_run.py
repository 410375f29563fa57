"""A run: notebooks in order, an exit code that is true, and a report that agrees with it."""

import json
import os
import signal
import time
from typing import Any

import nbformat
import pytest

import runbook.steps
from runbook.attestation.verify import verify_run
from runbook.controller.signals import STOPPING
from runbook.engine.journal import read
from runbook.errors import ParamsError, RunbookError
from runbook.evidence import archive, notebook_html
from runbook.params import digest, load
from runbook.runner.run import run
from tests.evidence.attested import alone
from tests.evidence.toys import (
    INTERRUPT,
    SUICIDE,
    beat,
    begin,
    end,
    fetches,
    parameterised,
    project,
    statuses,
    steps,
)


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Return a function that runs a toy project (its notebooks, its steps) and returns the run."""

    alone(monkeypatch, tmp_path / "config")

    def start(notebooks, names=None, **options):
        monkeypatch.setattr(runbook.steps, "notebooks", lambda: steps(**(names or {})))
        place = project(tmp_path / "project", **notebooks)
        options = {"reports": tmp_path / "reports", "notebooks": place / "notebooks", **options}
        return run(place / "params" / "toy.yml", **options)

    return start


def record_of(done):
    return json.loads((done.folder / "run.json").read_text())


def ends_of(done):
    return {s["step"]: s["status"] for book in record_of(done)["notebooks"] for s in book["steps"]}


LAST = {"n09_later": parameterised("print('later')")}
LAST_STEP = {"n09_later": ["later"]}


def test_a_good_run_is_archived(go, tmp_path):
    """Notebooks, pages, record and lists are there, say the same, and need no network."""
    events: list[dict[str, Any]] = []
    books = {
        "n00_first": parameterised(
            beat("look", "unchanged"), prose="# Look\n\nThen [go on](05_second.ipynb#x)."
        ),
        "n05_second": parameterised(beat("write"), "print(mode, params)", prose="# Write"),
    }
    done = go(books, {"n00_first": ["look"], "n05_second": ["write"]}, mode="apply", on_event=events.append)
    assert (done.exit_code, done.outcome, done.message) == (0, "completed", "")
    assert done.steps == ends_of(done) == {"look": "unchanged", "write": "changed"}

    assert verify_run(done.folder, ()).status == "unsigned"
    record = record_of(done)
    params = tmp_path / "project" / "params" / "toy.yml"
    assert record["params"] == {"path": str(params), "digest": digest(load(params))}
    assert (done.folder / "params.yml").read_text() == params.read_text()
    assert record["host"] == "testbed"
    assert record["ended"] >= record["started"]
    assert record["made_with"]["packages"]["papermill"]
    assert [book["status"] for book in record["notebooks"]] == ["completed", "completed"]
    assert record["notebooks"][1]["cells"] == {"completed": 5}

    second = nbformat.read(done.folder / "05_second.ipynb", 4)
    assert second.cells[-1].outputs[0].text == "apply params/toy.yml\n"  # relative: reads the same anywhere
    assert set(statuses(second).values()) == {"completed"}
    assert "injected-parameters" in statuses(second)

    reports = tmp_path / "reports"
    found = [*done.folder.glob("*.html"), reports / "index.html", reports / "testbed" / "index.html"]
    assert len(found) == 5
    for page in found:
        assert fetches(page.read_text()) == []
    assert 'href="05_second.html#x"' in (done.folder / "00_first.html").read_text()
    assert f"testbed/{record['id']}/index.html" in (reports / "index.html").read_text()
    index = done.index.read_text()
    assert 'href="05_second.html"' in index
    assert "1 unchanged, 1 changed" in index

    first = events.pop(0)
    assert first == {
        "event": "run-begin",
        "mode": "apply",
        "folder": str(done.folder),
        "steps": {"00_first": ["look"], "05_second": ["write"]},
    }
    told = [(event["event"], event["notebook"], event.get("step"), event.get("status")) for event in events]
    assert [line for line in told if line[0] != "output"] == [
        ("notebook-begin", "00_first", None, None),
        ("step-begin", "00_first", "look", None),
        ("step-end", "00_first", "look", "unchanged"),
        ("notebook-end", "00_first", None, "completed"),
        ("notebook-begin", "05_second", None, None),
        ("step-begin", "05_second", "write", None),
        ("step-end", "05_second", "write", "changed"),
        ("notebook-end", "05_second", None, "completed"),
    ]


def test_an_output_is_told_after_the_action_that_made_it(go):
    """Who watches sees an action begin before its first line, however fast it comes."""
    events: list[dict[str, Any]] = []
    action = 'journal.write("action-begin", notebook=name, step="write", title="install")'
    cell = f"{begin('write')}\n{action}\nprint('Unpacking xen', flush=True)\n{end('write')}"
    go({"n05_second": parameterised(cell)}, {"n05_second": ["write"]}, on_event=events.append)
    names = [event["event"] for event in events]
    assert names.index("action-begin") < names.index("output")


REFUSE = f"""{begin("one")}
{end("one", "refused", "no")}
from runbook.errors import Refused
raise Refused("Would hide the disk", where="toy", why="it holds /", do="leave it")"""
CASES = {
    "refused": (REFUSE, "refused", 3, "Refused", "Would hide the disk\n  where: toy", "refused", "failed"),
    "a killed kernel": (
        f"{begin('one')}\n{SUICIDE}",
        "killed",
        138,
        "KernelDied",
        "Running when it stopped: one",
        "killed",
        "killed",
    ),
    "Ctrl-C": (
        f"{begin('one')}\n{INTERRUPT}",
        "killed",
        130,
        "Interrupted",
        "Running when it stopped: one",
        "killed",
        "killed",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_stops_says_where_and_why(go, case):
    """Exit code, reason, step, cell and notebook agree; what came later was never run."""
    source, outcome, code, name, text, step, cell = CASES[case]
    done = go(
        {"n05_now": parameterised(beat("zero"), source), **LAST},
        {"n05_now": ["zero", "one"], **LAST_STEP},
    )
    record = record_of(done)
    assert (done.exit_code, done.outcome) == (record["exit_code"], record["outcome"]) == (code, outcome)
    failure = record["failure"]
    assert (failure["notebook"], failure["cell"], failure["name"]) == ("05_now", "c1", name)
    assert text in failure["message"]
    assert "Traceback" not in done.message
    assert done.message.startswith(f"05_now, cell c1: {name}\n")
    assert ends_of(done) == {"zero": "changed", "one": step, "later": "never-run"}
    assert [book["status"] for book in record["notebooks"]] == [outcome, "never-run"]
    executed = nbformat.read(done.folder / "05_now.ipynb", 4)
    assert statuses(executed)["c1"] == cell
    assert record["notebooks"][0]["cells"][cell] == 1
    assert name in done.index.read_text()
    page = (done.folder / "05_now.html").read_text()
    assert f"pill s-{cell}" in page
    assert fetches(page) == []
    assert not (done.folder / "09_later.ipynb").exists()
    assert verify_run(done.folder, ()).status == "unsigned"  # attested, and nothing was written afterwards


def test_the_journal_overrules_quiet_cells(go):
    """A step that failed and one that never began make the run fail, even if no cell raised."""
    done = go({"n05_now": parameterised(beat("one", "failed"))}, {"n05_now": ["one", "two"]})
    assert done.exit_code == 1
    assert record_of(done)["notebooks"][0]["status"] == "failed"
    assert "these steps did not end well: one (failed), two (never-run)" in done.message


def test_only_and_start_choose_notebooks(go, tmp_path):
    """`only` runs one notebook by its number, and the record holds no others."""
    done = go({"n05_now": parameterised("1"), **LAST}, only="09")
    assert [book["name"] for book in record_of(done)["notebooks"]] == ["09_later"]


BAD = {
    "mode": ({"mode": "try"}, "'try' is not a mode"),
    "notebook": ({"only": "77"}, "no notebook '77'"),
    "start": ({"start": "0"}, "no notebook '0'"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_wishes_start_nothing(go, tmp_path, case):
    """A wrong mode or notebook is a ParamsError before any folder or kernel is made."""
    options, message = BAD[case]
    with pytest.raises(ParamsError, match=message):
        go({"n05_now": parameterised("1"), **LAST}, **options)
    assert not (tmp_path / "reports").exists()


def test_wrong_parameters_start_nothing(tmp_path):
    """A wrong parameter file is a ParamsError before any folder or kernel is made."""
    place = project(tmp_path, n05_now=parameterised("1"))
    file = place / "params" / "toy.yml"
    file.write_text(file.read_text() + "\nhots: typo\n")
    with pytest.raises(ParamsError, match="hots"):
        run(file, reports=tmp_path / "reports", notebooks=place / "notebooks")
    assert not (tmp_path / "reports").exists()


def test_a_notebook_that_takes_no_parameters_is_not_run(go, tmp_path):
    """papermill would run it on its default host; the runner refuses before anything starts."""
    nb = parameterised("1")
    nb.cells[1].metadata.tags = []
    with pytest.raises(RunbookError, match="cannot be given its parameters"):
        go({"n05_now": nb})
    assert not (tmp_path / "reports").exists()


def test_no_notebooks_is_no_success(go):
    """A folder without notebooks is an error, not a run with nothing to do."""
    with pytest.raises(RunbookError, match="no notebooks"):
        go({})


def test_a_page_that_cannot_be_made_ends_no_run(go, monkeypatch):
    """The executed notebook is the evidence: without its HTML the run still completes."""
    monkeypatch.setattr(notebook_html, "notebook_page", lambda *_: 1 / 0)
    done = go({"n05_now": parameterised("1")})
    assert done.exit_code == 0
    assert record_of(done)["notebooks"][0]["html"] is None
    assert (done.folder / "05_now.ipynb").exists()


def test_a_report_that_cannot_be_written_is_said_at_once(go, tmp_path):
    """When the folder cannot be made, that is one clear error and nothing was started."""
    (tmp_path / "reports").write_text("a file is in the way")
    with pytest.raises(RunbookError, match="report cannot be written"):
        go({"n05_now": parameterised("1")})


def test_a_runner_that_dies_leaves_an_unfinished_record(go, tmp_path):
    """While a run is under way its record says `running`: nothing has to be corrected by the dead."""
    look = 'import json; print(json.load(open(Path(os.environ["RUNBOOK_RUN_DIR"]) / "run.json"))["outcome"])'
    done = go({"n05_now": parameterised(look)})
    executed = nbformat.read(done.folder / "05_now.ipynb", 4)
    assert executed.cells[-1].outputs[0].text == "running\n"


FOUND = f"""{begin("one")}
{end("one", "failed", "off")}
from runbook.errors import CheckFailed
raise CheckFailed("It is off", do="turn it on")"""


def test_an_interruption_after_a_checks_finding_is_the_runs_end(go):
    """The finding is named too, but who looks at the exit code must not take a broken-off check for a whole one."""
    books = {
        "n05_now": parameterised(FOUND),
        "n06_then": parameterised(f"{begin('two')}\n{INTERRUPT}"),
        **LAST,
    }
    done = go(books, {"n05_now": ["one"], "n06_then": ["two"], **LAST_STEP}, mode="check")
    assert (done.exit_code, done.outcome) == (130, "killed")
    assert ends_of(done) == {"one": "failed", "two": "killed", "later": "never-run"}
    assert done.message.startswith("06_then")
    assert "also 05_now: one failed: off" in done.message


@pytest.mark.parametrize("at", ["run-begin", "notebook-begin", "last step-end", "notebook-end"])
@pytest.mark.parametrize("sig", STOPPING, ids=lambda sig: sig.name)
def test_ctrl_c_swallowed(go, at, sig):
    """A signal between cells or notebooks ends the run: killed, 130, no notebook begun afterwards."""
    sent = []

    def hear(event):
        is_last = event.get("step") == "two" or not at.startswith("last ")
        if event["event"] == at.removeprefix("last ") and is_last and not sent:
            sent.append(time.monotonic())
            os.kill(os.getpid(), sig)

    books = {"n05_now": parameterised(beat("one"), beat("two")), **LAST}
    done = go(books, {"n05_now": ["one", "two"], **LAST_STEP}, on_event=hear)
    record = record_of(done)
    assert (done.exit_code, record["outcome"], record["failure"]["name"]) == (130, "killed", "Interrupted")
    late = [
        x for x in read(done.folder / "journal.jsonl") if x["event"] == "step-begin" and x["tick_s"] > sent[0]
    ]
    assert late == []
    is_whole = at in ("last step-end", "notebook-end")
    assert ends_of(done) == dict.fromkeys(("one", "two"), "changed" if is_whole else "never-run") | {
        "later": "never-run"
    }
    assert [book["status"] for book in record["notebooks"]][1] == "never-run"
    if at == "notebook-end":
        assert record["notebooks"][0]["status"] == "completed"


def test_a_report_is_sealed_whoever_calls_meanwhile(go, monkeypatch):
    """Ctrl-C and a polite kill while the last word is written do not leave half a seal."""
    close = archive.close

    def called(place, record):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), sig)
        close(place, record)

    monkeypatch.setattr(archive, "close", called)
    done = go({"n05_now": parameterised(beat("one"))}, {"n05_now": ["one"]})
    assert done.exit_code == 0
    assert verify_run(done.folder, ()).status == "unsigned"
