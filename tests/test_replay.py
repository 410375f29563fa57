"""A replay goes in order: whatever cell is run before its turn or again, the next one is named, and nobody reads a diff."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from runbook import params as parameters
from runbook.book import Book, open_host
from runbook.book.replay import differing, require_order
from runbook.engine.journal import Journal
from runbook.errors import NotRecorded, Refused, RunbookError
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recording import names
from runbook.params import load
from tests import toy
from tests.recorded import recorded

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "recordings/testbed"
PARAMS = load(ROOT / "params/example.yml")
BOOKS = ("03_debian_configuration", "06_xen_configuration", "08_guests", "09_management")
LONGEST = 700
"""Letters of an error that a reader can take in."""


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
    """Nothing is displayed, and who reads is no author."""
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.delenv("RUNBOOK_AUTHOR", raising=False)


def _book(notebook):
    host = RecordedHost(RECORDING, notebook)
    return Book(PARAMS, "apply", host, notebook, Journal(None)), host


def _cells(notebook):
    """Return the code cells of the committed notebook that plan and apply a recorded step, by their ids, in order."""
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    words = (
        (cell["id"], re.fullmatch(r'book\.(plan|apply)\("(\w+)"\)', "".join(cell["source"])))
        for cell in cells
    )
    return {name: (found[1], found[2]) for name, found in words if found and found[2] in recorded(notebook)}


def _run(book, cells, cell):
    word, step = cells[cell]
    getattr(book, word)(step)


def _acting(notebook):
    """Return the cells that act in the recorded run, in their order."""
    book, _ = _book(notebook)
    cells, acting = _cells(notebook), []
    for cell, (word, step) in cells.items():
        if word == "apply":
            book._fresh(step)
            acting += [cell] if book._steps[step].plan(PARAMS, book.facts).actions else []
            book.apply(step)
    return acting


ACTING = {notebook: _acting(notebook) for notebook in BOOKS}


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("notebook", BOOKS)
def test_any_order_of_cells_names_the_next_one(notebook, seed):
    """Cells left out, run before their turn and run again: an error names the next cell, and following it goes on."""
    chance, cells = random.Random(f"{notebook} {seed}"), _cells(notebook)
    book, host = _book(notebook)
    order, done = list(cells), set()
    clicks = (
        chance.choices(order, k=chance.randint(3, 25))
        if seed % 2
        else [c for c in order if chance.random() < 0.7]
    )
    for cell in clicks:
        expected = next(name for name in [*ACTING[notebook], "none"] if name not in done)
        error = _error(book, cells, cell)
        if isinstance(error, NotRecorded):
            _helps(error, expected)
            assert (cell.startswith("apply-"), order.index(expected) < order.index(cell)) == (True, True)
        elif error is None:
            done |= {cell}
        else:  # the plan was shown before another step changed it
            assert "run the plan cell again" in str(error)
    for cell in order:  # Run All Cells
        _run(book, cells, cell)
    assert {end.status for end in book._ended.values()} <= {"changed", "unchanged"}
    assert host.left == []


def _error(book, cells, cell):
    """Run a cell; return what it raises."""
    try:
        _run(book, cells, cell)
    except (NotRecorded, Refused) as error:
        return error
    return None


def _helps(error, expected):
    said = str(error)
    assert f"next is the cell {expected}" in said
    assert "Run ▸ Run All Above Selected Cell" in said
    assert "make record" not in said
    assert len(said) < LONGEST
    assert not re.search(r"(?m)^[-+@]", said)


@pytest.mark.parametrize("notebook", BOOKS)
def test_an_applied_cell_may_be_run_again(notebook):
    """Each cell run twice in a row, and at the end all of them once more: what is done is found done."""
    book, cells = _book(notebook)[0], _cells(notebook)
    for cell in [*(c for c in cells for _ in (1, 2)), *cells]:
        _run(book, cells, cell)
    assert {end.status for end in book._ended.values()} == {"unchanged"}


def test_one_skipped_apply_cell_in_06():
    """The hero's mistake: one apply cell skipped, the next one clicked."""
    book, _ = _book("06_xen_configuration")
    with pytest.raises(NotRecorded) as caught:
        book.apply("hide_devices")
    assert str(caught.value).startswith(
        "A replay goes in order, and hide_devices is not next: next is the cell apply-stop-saving-guests"
    )


def test_a_real_host_is_not_kept_in_order(monkeypatch, tmp_path):
    """The order of a recording binds a replay alone: on a machine each step says for itself what it waits for."""
    steps = {"first": toy.step(), "turn_on": toy.step()}
    host = toy.ToyHost()
    require_order(host, steps, "turn_on", (), toy.PARAMS)
    monkeypatch.setattr("runbook.book.book.steps_of", lambda notebook, release="": steps)
    Book(toy.PARAMS, "apply", host, "99_toy", Journal(tmp_path / "journal.jsonl")).apply("turn_on")
    assert host.written == [toy.PATH]


OTHERS = {
    "another host": {"host": "alder"},
    "more packages": {"configuration": {"more_packages": ["tmux"]}},
    "another device": {"passthrough": {"devices": []}, "guests": [], "management": {}},
    "no bridges": {"network": {"bridges": []}, "guests": [], "management": {}},
    "another volume": {"storage": {"guest_volume_group": "vg0"}},
    "more memory": {"dom0": {"memory_mib": 3072, "max_vcpus": 1}},
    "no guests": {"guests": [], "management": {}},
    "a kernel": {"kernel": {"build": True}},
    "Xen from source": {"xen": {"source": "debian-source"}},
}


@pytest.mark.parametrize("notebook", names(RECORDING))
@pytest.mark.parametrize("name", OTHERS)
def test_with_other_parameters_nobody_reads_a_script(name, notebook):
    """What a recording does not hold is said in a few words, with a move that is not the authors'."""
    params = parameters.HostParams.model_validate(PARAMS.model_dump() | OTHERS[name])
    said = _said(params, notebook)
    assert len(said) < LONGEST, said
    assert "make record" not in said
    assert not re.search(r"(?m)^[-+@]", said)


def _said(params, notebook):
    """Return what a run says that a recording does not hold, '' when it gets to its end, or to an answer of its own."""
    try:
        host = RecordedHost(RECORDING, notebook, params.host)
        book = Book(params, "apply", host, notebook, Journal(None))
        for step in book._steps:
            book.apply(step)
    except NotRecorded as error:
        return str(error)
    except RunbookError:  # a refusal, or a check that fails: it has tests of its own
        return ""
    return ""


def test_other_parameters_do_lead_out_of_the_recording():
    """The test above looks at something: these parameters ask what was never recorded, and which they are is named."""
    params = parameters.HostParams.model_validate(PARAMS.model_dump() | OTHERS["more packages"])
    said = _said(params, "03_debian_configuration")
    assert re.match(
        r"The recording does not hold \w+ as these parameters have it: it was made with another configuration\.\w",
        said,
    )
    assert "`runbook plan`" in said


def test_who_agrees_and_who_is_told_is_no_reason_for_what_a_recording_does_not_hold():
    """They ask nothing of a host: a step that is played before its turn is told to be just that."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE/jjN848OOmpjq2oqJ93oS1ntBwQMvOOFlYjXtWGHh3 Ana"
    people = {"approvers": [key], "consent": ["close_ports"], "notify": [{"mail": ["ana@example.org"]}]}
    params = parameters.HostParams.model_validate(PARAMS.model_dump(exclude_unset=True) | people)
    host = RecordedHost(RECORDING, "03_debian_configuration", params.host)
    book = Book(params, "apply", host, "03_debian_configuration", Journal(None))
    with pytest.raises(NotRecorded) as error:
        book.apply("close_ports")
    assert differing(host, params) == []
    assert error.value.what.startswith("A replay goes in order, and close_ports is not next")


def test_a_plan_goes_on_behind_what_the_recording_does_not_hold():
    """With other parameters a look says so at the one step that asks more, and every other step is planned."""
    clock = {"zone": "Europe/Paris", "synchronise": "timesyncd"}
    changed = PARAMS.model_dump(exclude_unset=True)
    changed["configuration"] = {**changed["configuration"], "clock": clock}
    params = parameters.HostParams.model_validate(changed)
    book = Book(params, "plan", RecordedHost(RECORDING, BOOKS[0]), BOOKS[0], Journal(None))
    said = {step: book.plan(step).text.splitlines()[0] for step in book._steps}
    for step in book._steps:
        book.apply(step)
    left = [step for step, text in said.items() if "the recording does not hold" in text]
    assert left == ["set_clock"]
    assert said["set_clock"].endswith("it was made with another configuration.clock")
    assert {end.status for end in book._ended.values()} == {"skipped"}


@pytest.mark.parametrize("notebook", names(RECORDING))
@pytest.mark.parametrize("host", ["alder", "a", "debian", "root"])
def test_a_host_of_another_name_plays_to_the_end(host, notebook):
    """A copy of the example with another name: names, identities and seals of guests, and nothing else, are others."""
    params = PARAMS.model_copy(update={"host": host})
    replay = RecordedHost(RECORDING, notebook, host)
    book = Book(params, "apply", replay, notebook, Journal(None))
    for step in book._steps:
        book.apply(step)
    assert {end.status for end in book._ended.values()} <= {"changed", "unchanged"}
    assert replay.left == []
    assert not [d for d in (differing(replay, params)) if d != "host"]
    text = json.dumps([answer.out for answer in replay._known.values()])
    assert not re.search(r"(?<![\w-])testbed(?![\w-])", text.replace("\\n", " ").replace("\\t", " "))


def test_under_its_own_name_nothing_is_renamed():
    """The recording is played to the letter, and a name that is only a part of a word stays."""
    own, other = (RecordedHost(RECORDING, "08_guests", name) for name in ("testbed", "alder"))
    assert own._entries == RecordedHost(RECORDING, "08_guests")._entries
    assert "testbed-disk1" in json.dumps(other._entries)
    assert "on alder. The runbook writes this file" in json.dumps(other._entries)


def test_what_is_no_notebook_says_that_a_machine_is_needed():
    """There is no recording of `undo`: the move is a machine, not a new recording."""
    with pytest.raises(NotRecorded, match="There is no recording of undo") as caught:
        RecordedHost(RECORDING, "undo")
    assert "name a machine under `connection`" in str(caught.value)
    assert "make record" not in str(caught.value)


def test_an_author_sees_the_difference(monkeypatch):
    """With RUNBOOK_AUTHOR the diff, the nearest question, and `make record` are there."""
    monkeypatch.setenv("RUNBOOK_AUTHOR", "1")
    host = RecordedHost(RECORDING, "06_xen_configuration")
    host.gather([])
    with pytest.raises(NotRecorded, match=r"(?s)\n\+a\n\+b\n.*make record"):
        host.write("/etc/default/xendomains", b"a\nb\n", mode="0644", owner="root:root")
    with pytest.raises(NotRecorded, match="nearest that it was asked: uname -r"):
        host.gather([parameters_ask()]).out("uname", "-x")


def parameters_ask():
    from runbook.model.ask import Ask

    return Ask.run("uname", "-x")


def test_every_apply_cell_has_the_name_that_an_error_gives_it():
    """Cells are named after their steps in every notebook, so that the named one is there to be found."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell, (word, step) in _cells(path.stem).items():
            assert cell == f"{word}-{step.replace('_', '-')}", path.stem
    assert len(_cells("06_xen_configuration")) >= 14
    open_host(str(ROOT / "params/example.yml"), notebook="06_xen_configuration").host.close()
