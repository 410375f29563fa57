"""What the testbed said, played against the code of today: the first run and the run on the finished machine."""

import pytest

from runbook.book import Book
from runbook.book.replay import unrecorded_line
from runbook.engine.journal import Journal
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recording import OPENING, names
from runbook.hosts.recording import load as load_files
from runbook.steps import name_of, notebooks
from tests.recorded import AGAIN, FIRST, params, recorded

PARAMS = params()
STEPS = [(notebook, name_of(step)) for notebook, steps in notebooks().items() for step in steps]


def _book(recording, notebook, mode="apply"):
    host = RecordedHost(recording, notebook)
    return Book(PARAMS, mode, host, notebook, Journal(None)), host


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)


@pytest.mark.parametrize(("notebook", "name"), STEPS)
def test_a_step_is_recorded(notebook, name):
    """Each step was played on the machine, and asked there all that it asks today; one that was not says so in a line."""
    if name not in recorded(notebook):
        pytest.fail(unrecorded_line(name), pytrace=False)


@pytest.mark.parametrize("recording", [FIRST, AGAIN], ids=lambda path: path.name)
def test_a_recording_has_no_step_that_is_gone(recording):
    """What a step recorded goes with it: a file without its step would never be played."""
    for notebook, steps in notebooks().items():
        assert load_files(recording, notebook).keys() <= {OPENING, *map(name_of, steps)}
    assert names(recording) == list(notebooks())


@pytest.mark.parametrize("notebook", notebooks())
def test_the_first_run_is_replayed_to_its_end(notebook):
    """Every action of the recorded run is planned again, in order, and nothing else."""
    book, host = _book(FIRST, notebook)
    for name in recorded(notebook):
        step = book._steps[name]
        book.plan(name)
        book.apply(name)
        assert step.check(PARAMS, book.facts) == [f for f in step.check(PARAMS, book.facts) if not f.stops]
    assert host.left == [], "the recording holds more than the run of today does"


@pytest.mark.parametrize(("notebook", "name"), STEPS)
def test_on_the_finished_machine_a_step_plans_nothing(notebook, name):
    """Twice is once: from the facts of the finished machine no action is left, and the check is content."""
    book, _ = _book(AGAIN, notebook)
    step = book._steps[name]
    if name not in recorded(notebook):
        pytest.skip(unrecorded_line(name))
    assert step.plan(PARAMS, book.facts).actions == ()
    assert [f for f in step.check(PARAMS, book.facts) if f.stops] == []


@pytest.mark.parametrize("notebook", notebooks())
def test_a_run_without_changes_takes_one_round_trip(notebook):
    """All the facts that a notebook needs travel at once, and an unchanged host is not asked again."""
    book, host = _book(AGAIN, notebook)
    for name in book._steps:
        book.plan(name)
        book.apply(name)
    assert host.round_trips == 1


@pytest.mark.parametrize("notebook", notebooks())
def test_a_check_of_the_finished_machine_finds_nothing(notebook):
    """In mode check the finished machine passes without one action."""
    book, host = _book(AGAIN, notebook, "check")
    for name in book._steps:
        book.apply(name)
    assert host.round_trips == 1


def test_the_recordings_name_no_mirror():
    """No address in a recording has another host than the masked one, or this machine's own."""
    import re

    for path in [*FIRST.rglob("*.jsonl"), *AGAIN.rglob("*.jsonl")]:
        hosts = set(re.findall(r"(?:https?|ftp)://([A-Za-z0-9.-]+)", path.read_text()))
        assert hosts <= {"mirror.example", "www.debian.org", "bugs.debian.org"}, path.name
