"""The bar of the steps, and the running lines, where nobody looks and where a person does."""

import importlib
from types import SimpleNamespace

import pytest

from runbook.errors import CommandFailed
from runbook.show.bar import bar
from runbook.show.live import Live
from runbook.show.tail import KEPT, LONGEST
from tests import toy


@pytest.fixture
def shown(monkeypatch):
    """Return the list of everything that cells displayed."""
    shown = []

    def display(thing, **_):
        shown.append(thing)
        return SimpleNamespace(update=shown.append)

    monkeypatch.setattr("IPython.display.display", display)
    return shown


@pytest.fixture
def person(monkeypatch):
    """Make it a notebook that a person has open."""
    importlib.import_module("ipykernel")
    monkeypatch.setenv("JPY_SESSION_NAME", "05.ipynb")
    monkeypatch.delenv("RUNBOOK_RUN_DIR", raising=False)


def test_it_says_what_is_done_next_and_wrong():
    """Each state has its word and its mark; a long step says how long it took the last time."""
    states = {"a": "unchanged", "b": "skipped", "c": "never-run", "d": "never-run"}
    made = bar(states, {"c": 75, "d": 2})
    assert made.text == "1 of 4 steps done · 1 skipped · next c (about 1 min)"
    assert made.html.count("<span") == 4
    assert bar({"a": "now", "b": "never-run"}, {"b": 2}).text == "0 of 2 steps done · now a · next b"
    wrong = bar({"a": "timed-out", "b": "never-run"}, {})
    assert wrong.text == "0 of 2 steps done · a timed-out: read why, then run it again"
    assert "✗" in wrong.html
    assert "a: timed-out" in wrong.html


def test_a_headless_run_does_not_show_it(monkeypatch, shown):
    """Without a person no cell shows a bar, and none looks at no earlier report; `status` says it as text."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr("runbook.evidence.timings.last_time", None)
    book = toy.book(monkeypatch)
    book.plan("turn_on")
    book.apply("turn_on")
    assert shown[-1].text.startswith("Turn it on: changed. done and checked")
    assert not [thing for thing in shown if "runbook-bar" in thing.html]
    assert book.status().text == "1 of 1 step done"


def test_before_a_person_it_is_shown(monkeypatch, shown, person):
    """With a person before it every cell of a step begins with the bar, and takes it from the cell before."""
    book = toy.book(monkeypatch)
    book.plan("turn_on")
    assert [thing.text for thing in shown] == [
        "0 of 1 step done · next turn_on",
        "",
        "0 of 1 step done · now turn_on",
    ]


def test_what_was_said_before_a_failure_is_kept(monkeypatch, shown):
    """A headless run, too, keeps what a failed command said, not its last five lines alone."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    importlib.import_module("ipykernel")
    live = Live(is_real=True)
    live.begin("unpack")
    for number in range(100):
        live.line(f"part {number}.")
    live.fail()
    assert shown[-1].text.splitlines()[:2] == ["unpack was not finished", "part 0."]
    assert "part 99." in shown[-1].html


def test_of_very_much_output_the_last_is_kept(monkeypatch, shown):
    """A command may say gigabytes: so many lines are kept, cut to a length, and how many there were is told."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    importlib.import_module("ipykernel")
    live = Live(is_real=True)
    live.begin("unpack")
    for number in range(3 * KEPT):
        live.line(f"part {number}." + "x" * 3 * LONGEST)
    live.fail()
    head, *lines = shown[-1].text.splitlines()
    assert head == "unpack was not finished"
    assert [line.partition(".")[0] for line in lines] == [f"part {n}" for n in range(2 * KEPT, 3 * KEPT)]
    assert {len(line) for line in lines} == {LONGEST}
    assert f"({3 * KEPT} lines, the last {KEPT} here)" in shown[-1].html


def test_a_step_that_fails_is_the_one_in_the_bar(monkeypatch, shown, person):
    """After a failure the bar names the step and how it ended."""
    host = toy.ToyHost()
    host.fails = True
    book = toy.book(monkeypatch, host=host)
    with pytest.raises(CommandFailed):
        book.apply("turn_on")
    assert book.status().text == "0 of 1 step done · turn_on failed: read why, then run it again"
