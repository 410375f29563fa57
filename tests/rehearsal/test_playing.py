"""The course of a rehearsal, with the virtual PC and its runs played by toys: what is asked, how it ends, what its record says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.evidence.outcomes import StepEnd
from runbook.evidence.rehearsals import Rehearsal
from runbook.params import load
from runbook.rehearsal import breaking, checkpoints, described, looked, notebooks, playing
from runbook.rehearsal.playing import Play
from runbook.testbed.errors import TestbedError
from runbook.testbed.state import State
from tests.rehearsal.test_described import KVM

EXACT = "configure_bridges:0123456789ab"
BEFORE = State({"marks": {"sudo": "manual"}})
XEN = State({"marks": {"sudo": "manual", "xen-system-amd64": "manual"}})


@dataclass
class Runs:
    """Plays the runs: each call takes the next end; `calls` are the modes and where each began."""

    ends: list[Any]
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    consents: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(
        self, file: Path, mode: str, only: str | None, start: str | None, *_: Any, **more: Any
    ) -> Any:
        self.calls.append((mode, only or "", start or ""))
        self.consents.append(load(file).consent)
        return self.ends.pop(0)


def ended(
    code: int = 0, message: str = "", status: str = "changed", done: str = "completed", mode: str = "apply"
) -> Any:
    """Return how a run ended, of one notebook with one disruptive step."""
    end = StepEnd(
        "configure_bridges", "Bridges", status, message, actions=1, digest="0123456789ab", seconds=75.0
    )
    book = SimpleNamespace(name="06_xen_configuration", status=done, steps=[end])
    return SimpleNamespace(
        exit_code=code,
        message=message,
        folder=Path("/reports/x"),
        record=SimpleNamespace(notebooks=[book], mode=mode),
    )


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return what plays a rehearsal with given ends of its runs, and the states of the machine before and after undo."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path))
    for name in ("pause_guests", "stop_guests", "restart", "take_back"):
        monkeypatch.setattr(playing, name, lambda *_: None)
    monkeypatch.setattr(playing.building, "shell", lambda *_: "nonfree-driver\n")
    monkeypatch.setattr(playing.building, "boot", lambda *_, **__: None)
    for name in ("fresh", "keeper", "begin_again"):
        toys = {
            "begin_again": lambda *_: "",
            "fresh": lambda *_: None,
            "keeper": lambda *_: lambda event: None,
        }
        monkeypatch.setattr(checkpoints.Checkpoints, name, toys[name])

    def play(ends: list[Any], after: State = BEFORE, **options: Any) -> tuple[Rehearsal, Runs]:
        runs, states = Runs(ends), [BEFORE, XEN, after]
        monkeypatch.setattr(playing, "run", runs)
        monkeypatch.setattr(playing, "keep_state", lambda *_: states.pop(0))
        seen = looked.at_capture(None, KVM)
        twin = described.describe(seen.facts, seen.params, ())
        done = Play(seen, twin, lambda _: None, lambda _: None, **options).carry_out()
        return done, runs

    return play


def test_all_goes_well(toy: Any) -> None:
    """Apply, check, undo: held; what changed and what undo left are in the record, as is what no source had."""
    done, runs = toy([ended(), ended(mode="check", status="unchanged")])
    assert (done.outcome, done.at, done.why) == ("held", "", "")
    assert [call[0] for call in runs.calls] == ["apply", "check"]
    assert done.changed == ("marks: xen-system-amd64 is new: manual",) or len(done.changed) == 1
    assert done.left == ()
    [step] = done.steps
    assert (step.step, step.status, step.digest, step.risk, step.seconds) == (
        "configure_bridges", "changed", "0123456789ab", "disruptive", 75.0,
    )  # fmt: skip
    assert set(done.minutes) == {"build", "apply", "compare", "check", "undo"}
    assert any("nonfree-driver" in clause for clause in done.unlike)


def test_a_persons_word_for_one_plan_is_noted_and_the_run_gone_on_with(toy: Any) -> None:
    """A loss stops the run for its own digest; the virtual PC gets it, and the record says that a person will be asked."""
    stopped = ended(4, f"nobody agreed to it\n  do: add '{EXACT}' to `consent`", "refused", "refused")
    done, runs = toy([stopped, ended(), ended(mode="check")])
    assert done.outcome == "held"
    assert runs.calls[1] == ("apply", "", "06_xen_configuration")
    assert EXACT not in runs.consents[0]
    assert EXACT in runs.consents[1]
    assert done.steps[0].consent == EXACT


def test_the_same_word_is_not_given_twice(toy: Any) -> None:
    """A run that goes on asking for what it was given ends the rehearsal."""
    stopped = ended(4, f"add '{EXACT}' to `consent`", "refused", "refused")
    done, _ = toy([stopped, stopped])
    assert done.outcome == "failed"


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (ended(3, "would refuse", "refused", "refused"), "refused"),
        (ended(1, "Xen did not come up", "failed", "failed"), "failed"),
    ],
)
def test_what_ends_a_run_ends_the_rehearsal(toy: Any, end: Any, outcome: str) -> None:
    """At the part under way, with the run's own words; undo was not tried."""
    done, _ = toy([end])
    assert (done.outcome, done.at, done.left) == (outcome, "apply", None)
    assert end.message in done.why


def test_what_undo_leaves_is_a_failure(toy: Any) -> None:
    """Everything ran, and the machine is not what it was."""
    done, _ = toy([ended(), ended(mode="check")], after=XEN)
    assert done.outcome == "failed"
    assert done.left is not None
    assert "xen-system-amd64" in done.left[0]


def test_a_pc_that_does_not_start_and_an_interrupt_are_recorded(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens there is a record, with the part under way."""

    def fails(*_: Any, **__: Any) -> None:
        raise TestbedError(
            "the virtual PC did not start", where="qemu.log", why="no memory", next_move="free some"
        )

    monkeypatch.setattr(playing.building, "boot", fails)
    done, _ = toy([])
    assert (done.outcome, done.at) == ("failed", "build")
    assert "no memory" in done.why

    def stops(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(playing.building, "boot", stops)
    assert toy([])[0].outcome == "interrupted"


def test_to_a_step_runs_the_notebooks_before_and_then_steps(toy: Any) -> None:
    """The notebook's steps until that one run alone; neither check nor undo is tried."""
    done, runs = toy([ended()] * 20, to="install_xen")
    names = [only for _, only, _ in runs.calls]
    assert names[0] == ""
    assert names[-1] == "install_xen"
    assert done.left is None
    with notebooks.until("install_xen") as (folder, steps):
        assert folder is not None
        assert sorted(p.stem for p in folder.iterdir())[-1] < "05"
        assert steps == names[1:]
    assert not folder.exists()


def test_a_second_one_to_a_step_begins_at_what_the_first_kept(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebooks before are done already: only the steps are run, and no notebook is looked for that the folder has not."""
    home = notebooks.home_of("install_xen")
    monkeypatch.setattr(checkpoints.Checkpoints, "begin_again", lambda *_: home)
    monkeypatch.setattr(playing, "kept_state", lambda *_: BEFORE)
    done, runs = toy([ended()] * 20, to="install_xen")
    assert (done.outcome, done.to) == ("held", "install_xen")
    assert all(only for _, only, _ in runs.calls)
    assert runs.calls[-1][1] == "install_xen"


@pytest.mark.parametrize(
    ("options", "kept"), [({}, 1), ({"to": "install_xen"}, 1), ({"broken": "network"}, 0)]
)
def test_disks_are_kept_behind_whole_notebooks_of_a_whole_machine_alone(
    toy: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], kept: int
) -> None:
    """A notebook of which some steps ran, or one on a machine that something was broken in, is none to begin behind."""
    heard: list[Any] = []
    monkeypatch.setattr(checkpoints.Checkpoints, "keeper", lambda *_: heard.append)

    class Telling(Runs):
        def __call__(
            self, file: Path, mode: str, only: str | None, start: str | None, *args: Any, **more: Any
        ) -> Any:
            if mode == "apply":
                args[1]({"event": "notebook-end", "notebook": "05_xen_installation", "status": "completed"})
            return super().__call__(file, mode, only, start, *args, **more)

    monkeypatch.setitem(globals(), "Runs", Telling)
    toy([ended()] * 20, **options)
    assert len(heard) == kept


@pytest.mark.parametrize(
    "error", [OSError("no space left"), TimeoutExpired("ssh", 5), ValueError("a drive too many")]
)
def test_whatever_ends_it_leaves_a_record(
    toy: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """An error that is not the runbook's ends it as failed: without a record an older good one would go on counting."""

    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(playing.building, "boot", fails)
    done, _ = toy([])
    assert (done.outcome, done.at) == ("failed", "build")
    assert str(error) in done.why


def test_a_pc_that_does_not_go_off_is_a_failure(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All was held, and something runs on: the record says which."""

    def fails(*_: Any) -> None:
        raise OSError("no such process")

    monkeypatch.setattr(playing.Machine, "down", fails)
    done, _ = toy([ended(), ended(mode="check")])
    assert done.outcome == "failed"
    assert "did not go off: no such process" in done.why


def test_the_parameters_are_the_persons_own(toy: Any) -> None:
    """But for how the PC is reached and who agrees; the file is none of the person's."""
    _, runs = toy([ended(), ended(mode="check")])
    assert "boot_xen_once" in runs.consents[0]
    assert "undo" not in runs.consents[0]


def test_something_broken_happens_once_at_its_step() -> None:
    """The power goes when the step's first action begins, and comes back; a second time nothing happens."""
    gone: list[str] = []
    machine: Any = SimpleNamespace(kill_power=lambda: gone.append("off"))
    breaker = breaking.Breaker("power@set_boot_menu", machine, lambda: gone.append("on"))
    for event in (
        {"event": "action-begin", "step": "install_xen"},
        {"event": "step-begin", "step": "set_boot_menu"},
    ):
        breaker(event)
    assert gone == []
    for _ in range(2):
        breaker({"event": "action-begin", "step": "set_boot_menu", "title": "write /etc/x"})
    assert gone == ["off", "on"]
    assert breaker.done == ["power@set_boot_menu"]
