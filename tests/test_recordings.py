"""Recordings by step: what a step adds touches no other's, and one that is not recorded is said and stops nothing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.actions import Run
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import NotRecorded, ParamsError
from runbook.help import entries
from runbook.hosts import recording as files
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recording import OPENING
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps import steps_of
from runbook.testbed import merging, one_step
from runbook.testbed.returning import differences
from tests import toy
from tests.recorded import AGAIN, FIRST, params

PARAMS = params()
BOOK = "06_xen_configuration"
NEW = Ask.run("sysctl", "-n", "vm.never_asked")


def new_step(*asks: Ask, name: str = "new_step", acts: bool = True) -> Any:
    """Return a step that asks this, and runs a command when it acts."""
    return SimpleNamespace(
        __name__=f"steps.{name}",
        TITLE="Something new",
        GUIDE="none",
        RISK="safe",
        asks=lambda params: asks,
        plan=lambda params, facts: Plan((Run(("true",)),) if acts else ()),
        check=lambda params, facts: [],
    )


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)


def play(
    steps: dict[str, Any], monkeypatch: Any, params: HostParams = PARAMS, recording: Path = FIRST
) -> Book:
    """Return the book of the chapter with other steps, all of them planned and applied."""
    monkeypatch.setattr("runbook.book.book.steps_of", lambda notebook, release="": steps)
    book = Book(params, "apply", RecordedHost(recording, BOOK), BOOK, Journal(None))
    for name in steps:
        book.plan(name)
        book.apply(name)
    return book


def inserted(step: Any, at: int, name: str = "new_step") -> dict[str, Any]:
    """Return the chapter's steps with one more in their midst."""
    known = list(steps_of(BOOK).items())
    return dict([*known[:at], (name, step), *known[at:]])


UNASKED = {"pass_bridged_packets", "lead_guests_out"}
"""Steps of the notebook that the recorded host's parameters do not ask for."""


@pytest.mark.parametrize("at", range(10))
@pytest.mark.parametrize(
    "asks", [(NEW,), (Ask.read("/etc/default/xendomains"),)], ids=["a new question", "an old one"]
)
def test_a_new_step_stops_no_other(at: int, asks: tuple[Ask, ...], monkeypatch: Any) -> None:
    """Wherever it comes, and whatever it asks: its cells say that it is not recorded, and all others play as before."""
    book = play(inserted(new_step(*asks), at), monkeypatch)
    ends = {name: end.status for name, end in book._ended.items()}
    assert ends.pop("new_step") == "skipped"
    assert book._ended["new_step"].message == "not recorded yet: make record STEP=new_step"
    if NEW in asks:
        assert book.plan("new_step").text == "Something new: not recorded yet: make record STEP=new_step"
    assert {name for name, end in ends.items() if end == "unchanged"} == UNASKED
    assert set(ends.values()) == {"changed", "unchanged"}
    assert book.host.left == []  # type: ignore[attr-defined]


def test_a_new_question_of_a_recorded_step_stops_no_other(monkeypatch: Any) -> None:
    """It has a file, and asks more than it did: with the recorded parameters it is to be recorded anew."""
    steps = steps_of(BOOK)
    old = steps["enable_services"]
    more = SimpleNamespace(**{name: getattr(old, name) for name in ("TITLE", "GUIDE", "RISK", "plan", "check", "__name__")},
                           asks=lambda params: (*old.asks(params), NEW))  # fmt: skip
    book = play(dict(steps) | {"enable_services": more}, monkeypatch)
    assert book._ended["enable_services"].status == "skipped"


def test_with_other_parameters_a_new_question_is_an_error(monkeypatch: Any) -> None:
    """Who changed the parameters reads that they lead out of the recording, not that a step is missing in it."""
    asked = new_step(NEW, name="stop_saving_guests")
    asked.plan = lambda params, facts: Plan((Run(("echo", facts[NEW].out)),))
    steps = dict(steps_of(BOOK)) | {"stop_saving_guests": asked}
    other = HostParams.model_validate(PARAMS.model_dump(exclude_unset=True) | {"host": "alder"})
    with pytest.raises(NotRecorded, match=r"(?s)does not hold stop_saving_guests .* made with another host"):
        play(steps, monkeypatch, other)


def test_a_step_that_was_played_and_acts_otherwise_now_is_an_error(monkeypatch: Any) -> None:
    """Not recorded yet is for what never was: a change of a recorded step is the regression that a replay finds."""
    steps = dict(steps_of(BOOK)) | {"stop_saving_guests": new_step(name="stop_saving_guests")}
    with pytest.raises(NotRecorded, match="asked to do something else") as error:
        play(steps, monkeypatch)
    # Who sits at a terminal has no cells.
    assert {*re.findall(r"runbook run --only \w+|Run ▸ Run All Above", error.value.do)} == {
        f"runbook run --only {BOOK}", "Run ▸ Run All Above",
    }  # fmt: skip


def test_what_is_not_recorded_has_a_move_at_the_terminal_and_one_in_jupyterlab() -> None:
    """The help of the code names both; commands are what a person at a terminal can type."""
    (entry,) = (entry for entry in entries() if entry.code == "R700")
    assert "In a terminal" in entry.do
    assert "In JupyterLab" in entry.do
    assert "`runbook run PARAMS --only NOTEBOOK`" in entry.do


FIRST_LINE = '{"gather": {"id -u": [0, "0\\n", ""]}}\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (FIRST_LINE + '{"gather": {"uname', 2),
        ("[1, 2]\n", 1),
        ('{"do": {"reboot": true}}\n', 1),
        ("\0\0\n", 1),
    ],
    ids=["cut", "a list", "nothing said", "zeros"],
)
def test_a_file_that_is_none_is_named(text: str, line: int, tmp_path: Path) -> None:
    """The file and the line are in the error, with what to do; Python's own error is not all that one reads."""
    (tmp_path / BOOK).mkdir()
    (tmp_path / BOOK / "opening.jsonl").write_text(text)
    with pytest.raises(NotRecorded, match=rf"(?s)^Line {line} of a recording.*opening.jsonl.*restore it"):
        RecordedHost(tmp_path, BOOK)


def test_the_opening_has_a_line_a_question() -> None:
    """Each question of a notebook's beginning stands on a line of its own, in alphabetical order."""
    for recording in (FIRST, AGAIN):
        for notebook in files.names(recording):
            lines = (recording / notebook / "opening.jsonl").read_text(encoding="utf-8").splitlines()
            keys = [key for line in lines for key in json.loads(line)["gather"]]
            assert len(keys) == len(lines)
            assert keys == sorted(keys)


def test_what_is_recorded_of_a_step_touches_no_other(tmp_path: Path) -> None:
    """One file is new, and the opening has the new question's line more; what other steps asked stays as it was."""
    shutil.copytree(FIRST / BOOK, tmp_path / BOOK)
    old = Ask.read("/etc/default/xendomains")
    did = {"do": {"run": ["sysctl"]}, "said": {"status": 0, "out": "", "err": ""}}
    said = {
        OPENING: [
            {"gather": {NEW.key: [0, "60\n", ""], old.key: [0, "another day", ""], "uname -r": [0, "x", ""]}}
        ],
        "new_step": [
            did,
            {"gather": {NEW.key: [0, "10\n", ""], "uname -r": [0, "y", ""]}},
            {"gather": {"xl list": [0, "", ""]}},
        ],
    }
    before = {path.name: path.read_text() for path in (tmp_path / BOOK).iterdir()}
    merging.first(tmp_path / BOOK, "new_step", new_step(NEW, old), said, PARAMS)
    after = {path.name: path.read_text() for path in (tmp_path / BOOK).iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"new_step.jsonl", "opening.jsonl"}
    more = set(after["opening.jsonl"].splitlines()) ^ set(before["opening.jsonl"].splitlines())
    assert [json.loads(line) for line in more] == [{"gather": {NEW.key: [0, "60\n", ""]}}]
    assert files.load(tmp_path, BOOK)["new_step"] == [did, {"gather": {NEW.key: [0, "10\n", ""]}}]


ACTING = [
    (folder.name, step)
    for folder in sorted(FIRST.glob("[0-9]*"))
    for step, entries in files.load(FIRST, folder.name).items()
    if step != OPENING and any("do" in entry for entry in entries)
]


@pytest.mark.parametrize(("notebook", "step"), ACTING)
def test_a_step_that_is_recorded_once_more_keeps_what_its_look_told_others(
    tmp_path: Path, notebook: str, step: str
) -> None:
    """A look after a step asks what the step behind it reads, too; a new record of the step alone has none of that."""
    shutil.copytree(FIRST / notebook, tmp_path / notebook)
    before = files.load(FIRST, notebook)
    asked = {ask.key for ask in steps_of(notebook)[step].asks(PARAMS)}
    alone = [
        {"gather": {key: said for key, said in entry["gather"].items() if key in asked}}
        if "gather" in entry
        else entry
        for entry in before[step]
    ]
    merging.first(tmp_path / notebook, step, steps_of(notebook)[step], {**before, step: alone}, PARAMS)
    after = files.load(tmp_path, notebook)
    assert [entry for entry in after[step] if "do" in entry] == [
        entry for entry in before[step] if "do" in entry
    ]

    def told(entries: list[Any]) -> dict[str, Any]:
        return {key: said for entry in entries for key, said in entry.get("gather", {}).items()}

    assert told(after[step]) == told(before[step])


def test_after_a_restart_every_answer_is_the_steps(tmp_path: Path) -> None:
    """Another kernel runs then, and whoever asks which one hears of this step."""
    said = {
        OPENING: [{"gather": {}}],
        "new_step": [{"do": {"reboot": True}, "said": {}}, {"gather": {"uname -r": [0, "y", ""]}}],
    }
    merging.first(tmp_path / BOOK, "new_step", new_step(NEW), said, PARAMS)
    assert files.load(tmp_path, BOOK)["new_step"] == said["new_step"]


def test_the_finished_machine_has_the_last_word(tmp_path: Path) -> None:
    """In the second run's recording the step's own answers are set again, and it has a file without lines."""
    shutil.copytree(AGAIN / BOOK, tmp_path / BOOK)
    old = Ask.read("/etc/default/xendomains")
    merging.again(tmp_path / BOOK, "new_step", new_step(NEW, old), {
        OPENING: [{"gather": {NEW.key: [0, "10\n", ""], old.key: [0, "now", ""], "uname -r": [0, "x", ""]}}], "new_step": [],
    }, PARAMS)  # fmt: skip
    found = files.load(tmp_path, BOOK)
    assert (found["new_step"], found[OPENING][0]["gather"][old.key][1]) == ([], "now")
    assert found[OPENING][0]["gather"]["uname -r"] != [0, "x", ""]


@pytest.mark.parametrize(
    ("notebook", "step", "needs"),
    [
        ("03_debian_configuration", "install_packages", ["fetch_package_lists"]),
        ("03_debian_configuration", "set_umask", []),
        ("06_xen_configuration", "allow_xl_by_sudo", []),
        ("08_guests", "write_guest_configs", ["create_volumes"]),
    ],
)
def test_a_step_is_recorded_after_those_that_it_reads_of(notebook: str, step: str, needs: list[str]) -> None:
    """The recording says which earlier steps changed what it asks: those alone are run before it."""
    assert merging.needed(files.load(FIRST, notebook), steps_of(notebook), step, PARAMS) == needs


def test_a_change_counts_for_all_who_acted_since_it_was_asked() -> None:
    """An answer that was looked at late may have changed early: the packages come before the updates that they bring."""
    notebook = "03_debian_configuration"
    found = merging.needed(files.load(FIRST, notebook), steps_of(notebook), "schedule_updates", PARAMS)
    assert "install_packages" in found


def test_a_name_that_is_no_steps_gets_the_list() -> None:
    """`make record STEP=` of a wrong name names all that there are."""
    assert one_step.notebook_of("hide_devices") == BOOK
    with pytest.raises(ParamsError, match=r"(?s)no step 'hide'.*hide_devices"):
        one_step.notebook_of("hide")


def test_without_a_checkpoint_nothing_is_recorded(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """What is missing is said, with how it is made, and the recording stays as it is."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path))
    assert one_step.main("hide_devices", tmp_path / "rec") == 1
    assert "no checkpoint at which hide_devices could begin" in capsys.readouterr().out
    assert not (tmp_path / "rec").exists()


def test_what_moves_by_itself_is_no_difference() -> None:
    """Free room and the age of a lease are another at each look: nobody can return them."""
    room = Ask.run("df")
    before, after = (Facts({NEW: Answer(0, text), room: Answer(0, text)}) for text in ("60\n", "10\n"))
    assert differences(before, after, {room}) == ["sysctl -n vm.never_asked: was '60', is '10'"]
    assert differences(before, before) == []


class Machines:
    """Two machines in the place of the testbed's: what was done on one is gone on the next."""

    def __init__(self, monkeypatch: Any, state: Path) -> None:
        self.begun: list[str] = []
        self.host = toy.ToyHost()
        monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(state))
        monkeypatch.setattr(one_step, "restore", self.restore)
        monkeypatch.setattr(one_step, "up", lambda release: None)
        monkeypatch.setattr(one_step, "pause_guests", lambda machine: None)
        monkeypatch.setattr(one_step, "connect", lambda params, notebook: self.host)
        monkeypatch.setattr(one_step, "changed", lambda *_: ["something has changed"])
        monkeypatch.setattr(one_step, "notebook_of", lambda name: BOOK)
        for name in ("00_fresh", "05_xen_installation", "09_management"):
            (state / f"checkpoint-{name}").mkdir(parents=True)
            (state / f"checkpoint-{name}/made_of.json").write_text("{}")

    def restore(self, machine: object, checkpoint: Any) -> None:
        self.begun.append(checkpoint.name)
        self.host = toy.ToyHost({toy.PATH: "off\n"})

    def play(self, step: Any, record: Path, monkeypatch: Any) -> int:
        for place in ("runbook.book.book.steps_of", "runbook.testbed.one_step.steps.steps_of"):
            monkeypatch.setattr(place, lambda notebook, release="": {"turn_on": step})
        return one_step.main("turn_on", record)


def test_a_step_is_recorded_on_two_machines(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """Before its notebook it does its work and is taken back; on the finished machine it then has nothing to do."""
    machines = Machines(monkeypatch, tmp_path / "state")
    assert machines.play(toy.step(), tmp_path / "rec", monkeypatch) == 0
    assert machines.begun == ["05_xen_installation", "09_management"]
    first, again = (files.load(tmp_path / name, BOOK) for name in ("rec", "rec-again"))
    key = Ask.read(toy.PATH).key
    assert first[OPENING] == [{"gather": {key: [0, "off\n", ""]}}]
    assert [entry.get("do", {}).get("write") for entry in first["turn_on"]] == [toy.PATH, None]
    assert first["turn_on"][1]["gather"] == {key: [0, toy.WANTED, ""]}
    assert (again[OPENING], again["turn_on"]) == ([{"gather": {key: [0, toy.WANTED, ""]}}], [])
    said = capsys.readouterr().err
    assert "05_xen_installation, which is of another time: something has changed" in said
    assert "turn_on was taken back: all that it asks is answered as before" in said
    assert json.loads((tmp_path / "rec/params.json").read_text())["host"] == "testbed"


@pytest.mark.parametrize("fault", ["no way back", "not once"])
def test_a_step_that_does_not_hold_is_not_recorded(
    fault: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """A way back that returns something else, and a step that the machine does not keep, leave the recording as it is."""
    machines = Machines(monkeypatch, tmp_path / "state")
    step = toy.step()
    if fault == "no way back":
        monkeypatch.setattr("runbook.actions.WriteFile.inverse", lambda *_: None)
    else:
        step.plan = lambda params, facts: Plan((Run(("true",)),))
    assert machines.play(step, tmp_path / "rec", monkeypatch) == 1
    said = capsys.readouterr().out
    assert "The step was not recorded; the recording is as it was." in said
    assert ("does not return what was" if fault == "no way back" else "ran and is still not done") in said
    assert not (tmp_path / "rec").exists()
