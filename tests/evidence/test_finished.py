"""A recorded host that a run finished is finished for whoever looks at it next, and for nobody else."""

from __future__ import annotations

import json

import pytest

from runbook import params as parameters
from runbook.book import open_host
from runbook.engine import undo, undo_files
from runbook.evidence import finished
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recording import names
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import digest, load
from runbook.steps import name_of, notebooks
from tests.recorded import AGAIN, FIRST, ROOT

PARAMS = load(ROOT / "params/example.yml")


@pytest.fixture
def ran(monkeypatch):
    """What the folder of reports holds, as one run."""
    run = {
        "mode": "auto", "outcome": "completed", "params": {"digest": digest(PARAMS)},
        "notebooks": [{"name": name} for name in names(FIRST)],
    }  # fmt: skip
    monkeypatch.setattr(
        finished.archive, "find_runs", lambda reports, host: [run] if host == "testbed" else []
    )
    return run


def _recording(mode, tmp_path, params=PARAMS):
    return finished.after_a_run(params, mode, tmp_path).connection.recording


def test_who_looks_after_a_run_sees_the_finished_host(ran, tmp_path):
    """`plan` and `check` look at what the run left; a new run plays from the beginning."""
    seen = {mode: _recording(mode, tmp_path) for mode in ("plan", "check", "auto", "apply")}
    first, again = "recordings/testbed", "recordings/testbed-again"
    assert seen == {"plan": again, "check": again, "auto": first, "apply": first}


@pytest.mark.parametrize(
    "change", [{"mode": "plan"}, {"outcome": "failed"}, {"params": {"digest": "0" * 12}}, {"notebooks": [{"name": "03_debian_configuration"}]}]
)  # fmt: skip
def test_nothing_else_finishes_it(ran, tmp_path, change):
    """A plan, a run that failed, one with other parameters, and one of a single notebook leave it as it was."""
    ran.update(change)
    assert _recording("check", tmp_path) == "recordings/testbed"


def test_without_such_a_recording_nothing_changes(ran, tmp_path):
    """A recording that has no second one is what it is."""
    there = PARAMS.connection.model_copy(update={"finished": None})
    params = PARAMS.model_copy(update={"connection": there})
    ran["params"]["digest"] = digest(params)
    assert _recording("check", tmp_path, params) == "recordings/testbed"


def test_a_notebook_that_is_opened_looks_there_too(ran, monkeypatch, tmp_path):
    """In JupyterLab mode `check` finds every step of a notebook done, after a run of the whole."""
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path))
    monkeypatch.delenv("RUNBOOK_RUN_DIR", raising=False)
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    book = open_host(str(ROOT / "params/example.yml"), "check", notebook="03_debian_configuration")
    for step in notebooks()["03_debian_configuration"]:
        book.apply(name_of(step))
    assert book.host.describe == "a replay of testbed-again"


def test_as_left_has_the_last_answer_of_all_notebooks():
    """The way back is asked of the host as it stood in the end: what a later notebook wrote is there."""
    order = {book: [name_of(step) for step in steps] for book, steps in notebooks().items()}
    host = RecordedHost.as_left(FIRST, "testbed", order)
    facts = host.gather([Ask.read("/etc/xen/comm.cfg"), Ask.read("/etc/hosts")])
    assert 'name = "comm"' in (facts.text("/etc/xen/comm.cfg") or "")
    assert "testbed.home.arpa" in (facts.text("/etc/hosts") or "")
    assert "testbed.home.arpa" not in (_opening("03_debian_configuration").get("< /etc/hosts") or "")


def _opening(notebook):
    lines = (FIRST / notebook / "opening.jsonl").read_text(encoding="utf-8").splitlines()
    return {key: said[1] for line in lines for key, said in json.loads(line).get("gather", {}).items()}


def _done(step, run, path="/etc/a", left="gone", at="1"):
    return undo.Done(run, at, step, "write", None, ((path, left),))


def test_of_runs_that_began_anew_the_newest_counts():
    """Two replays did all of it twice: each step is taken back once, and what only the older did is too."""
    done = [_done("b", "2"), _done("a", "2", at="0"), _done("b", "1"), _done("a", "1"), _done("c", "1")]
    assert [(d.step, d.run) for d in undo.newest_of_each(done)] == [("b", "2"), ("a", "2"), ("c", "1")]


def test_links_of_a_replay_are_where_its_runs_left_them():
    """Nobody else does anything on a recorded host; a file that was never asked for stays unknown."""
    done = [_done("s", "1", "/etc/xen/auto/01-a.cfg", "-> ../a.cfg"), _done("s", "1", "/etc/b", "0" * 12)]
    asks = undo.asks(done)
    facts = undo_files.played(done, Facts({}, "it"), asks)
    assert facts[Ask.read("/etc/xen/auto/01-a.cfg")] == Answer(MISSING)
    assert Ask.read("/etc/b") not in facts
    assert [said.out for said in facts.values() if said.status == 0] == [
        "l\t../a.cfg\t/etc/xen/auto/01-a.cfg\n"
    ]
    assert list(undo_files.changed(done[:1], facts)) == []


def test_the_example_names_both_recordings():
    """The recorded host that comes with the runbook is one of which both states were recorded, with the same parameters."""
    assert parameters.find(str(PARAMS.connection.finished)) == AGAIN
    assert json.loads((FIRST / "params.json").read_text()) == json.loads((AGAIN / "params.json").read_text())
