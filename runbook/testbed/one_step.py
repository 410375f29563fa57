"""Records one step: boots checkpoints of the machine, runs the step there, and adds its lines to the recording.

Two machines are needed, as for every recording: one before the step's notebook, on which the step does its work, and
the finished one, which is only asked afterwards.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runbook import params as parameters
from runbook import steps
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import CheckFailed, ParamsError, RunbookError
from runbook.hosts import connect
from runbook.hosts import recording as files
from runbook.hosts.recorder import Recorder
from runbook.testbed import RELEASE, Machine, TestbedError, merging, state_dir, up
from runbook.testbed.acceptance import PARAMS, pause_guests
from runbook.testbed.checkpoints import Checkpoint, find_all, restore
from runbook.testbed.made_of import changed
from runbook.testbed.proving import say
from runbook.testbed.returning import WayBack

Files = dict[str, list[files.Entry]]


def main(step: str, record: Path, *, release: str = RELEASE, keep: bool = False) -> int:
    """Record a step into `record` and into `<record>-again`; return an exit code.

    Raises `ParamsError` for a name that is no step's, `TestbedError` when there is no checkpoint to begin at.
    """
    began = time.monotonic()
    work = _Work(step, release)
    try:
        first, again = work.first(record), work.again()
    except (RunbookError, TestbedError) as error:
        print(f"\nThe step was not recorded; the recording is as it was.\n{error}")
        return 1
    finally:
        if not keep:
            work.machine.down()
    work.keep(record, first, again)
    say(f"{step} is recorded, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


class _Work:
    """One step on its way into a recording."""

    def __init__(self, name: str, release: str) -> None:
        self._name, self._release = name, release
        self._notebook = notebook_of(name)
        self._params = parameters.load(PARAMS[release])
        self._steps = steps.steps_of(self._notebook, self._params.release)
        self.machine = Machine(state_dir(release))
        self._scratch = self.machine.state / "recording"
        self._journal = self.machine.state / "recording-run/journal.jsonl"

    def first(self, record: Path) -> Files:
        """Return what is said while the step runs where its notebook begins, after those of its notebook that it needs."""
        self._boot([kept for kept in find_all(self.machine.state) if kept.name < self._notebook])
        known = files.load(record, self._notebook)
        with self._opened(is_recorded=True) as book:
            for name in merging.needed(known, self._steps, self._name, self._params):
                self._apply(book, name)
            looker = connect(self._params, self._notebook)
            way_back = WayBack(looker, self._steps[self._name].asks(self._params))
            self._apply(book, self._name)
        way_back.prove(self._name, self._journal)
        looker.close()
        return files.load(self._scratch, self._notebook)

    def again(self) -> Files:
        """Return what the finished machine says, on which the step was done before.

        Raises `CheckFailed` when the step then does something.
        """
        self._boot(find_all(self.machine.state))
        pause_guests(self.machine)
        for is_recorded in (False, True):
            with self._opened(is_recorded=is_recorded) as book:
                self._apply(book, self._name)
        said = files.load(self._scratch, self._notebook)
        if any("do" in entry for entry in said[self._name]):
            raise CheckFailed(f"{self._name} did something when it was run again", why=f"{said[self._name]}")
        return said

    def keep(self, record: Path, first: Files, again: Files) -> None:
        """Add all that to both recordings."""
        step, other = self._steps[self._name], record.with_name(f"{record.name}-again")
        merging.first(record / self._notebook, self._name, step, first, self._params)
        merging.again(other / self._notebook, self._name, step, again, self._params)
        for place in (record, other):
            files.keep_params(place, self._params)

    def _boot(self, found: list[Checkpoint]) -> None:
        if not found:
            raise TestbedError(
                f"there is no checkpoint at which {self._name} could begin",
                where=str(self.machine.state),
                why="the acceptance takes one after every notebook that changes the machine",
                next_move="run it once (about an hour): make testbed-test",
            )
        checkpoint = found[-1]
        for reason in changed(checkpoint, PARAMS[self._release], self._release):
            say(f"checkpoint {checkpoint.name} is of another time: {reason}")
        restore(self.machine, checkpoint)
        say(f"begins at checkpoint {checkpoint.name}")
        up(release=self._release)

    @contextmanager
    def _opened(self, *, is_recorded: bool) -> Iterator[Book]:
        host = connect(self._params, self._notebook)
        if is_recorded:
            host = Recorder(host, self._scratch, self._notebook)
        shutil.rmtree(self._journal.parent, ignore_errors=True)
        try:
            yield Book(self._params, "apply", host, self._notebook, Journal(self._journal))
        finally:
            host.close()

    def _apply(self, book: Book, name: str) -> None:
        say(f"{name} begins")
        book.apply(name)


def notebook_of(step: str) -> str:
    """Return the notebook that has a step of that name. Raises `ParamsError` when none has."""
    known = {steps.name_of(one): notebook for notebook, found in steps.notebooks().items() for one in found}
    if step not in known:
        raise ParamsError(
            f"There is no step '{step}'",
            why="a step is named like its module, and listed in its chapter's `__init__.py`",
            do="give one of: " + ", ".join(known),
        )
    return known[step]
