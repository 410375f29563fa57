"""Checkpoints of rehearsals: the next one begins at the first notebook that a changed parameter touches."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from runbook.evidence.record import Event
from runbook.rehearsal import building, keys
from runbook.rehearsal.described import Twin
from runbook.rehearsal.looked import Looked
from runbook.runner.telling import OnEvent
from runbook.steps import notebooks
from runbook.testbed.checkpoints import FRESH, Checkpoint, discard, discard_later, find_all, restore, take
from runbook.testbed.keeper import Keeper
from runbook.testbed.machine import Machine

_GUESTS = "08_guests"
"""The notebook that starts the guests: a checkpoint keeps no memory."""


@dataclass
class Checkpoints:
    """The checkpoints of one host's virtual PC, as its description and parameters are today."""

    machine: Machine
    looked: Looked
    twin: Twin
    begun_at: str = ""
    """The checkpoint that the machine was put back to, '' for none."""

    def made_of(self, until: str) -> dict[str, str]:
        """Return what decides how its disks come out behind a notebook."""
        own = building.ids(self.twin)
        return own if until == FRESH else keys.made_of(self.looked.params, own, until)

    def fresh(self) -> None:
        """Keep the machine as it is before the first notebook."""
        discard(self.machine.state)
        take(self.machine, FRESH, self.made_of(FRESH))

    def keeper(self) -> OnEvent:
        """Return the listener of a run that keeps the disks, and the reports so far, after each notebook that changed something."""
        keep = Keeper(self.machine, "", self.twin.description.release, self.made_of)

        def hear(event: Event) -> None:
            keep(event)
            if event.get("event") == "notebook-end":
                for checkpoint in find_all(self.machine.state):
                    if checkpoint.name == event["notebook"] and (self.machine.state / "reports").exists():
                        shutil.copytree(
                            self.machine.state / "reports", checkpoint.folder / "reports", dirs_exist_ok=True
                        )

        return hear

    def begin_again(self, say: Callable[[str], None], before: str = "") -> str:
        """Put the machine back, off, to the last checkpoint that fits; return the notebook to go on with, '' for none.

        With `before` it is one from before that notebook.
        """
        good = self.fitting(say, before)
        if good is None:
            return ""
        self.begun_at = good.name
        discard_later(self.machine.state, good.name)
        restore(self.machine, good)
        shutil.rmtree(self.machine.state / "reports", ignore_errors=True)
        if (good.folder / "reports").exists():
            shutil.copytree(good.folder / "reports", self.machine.state / "reports")
        first = next((name for name in notebooks() if name > good.name or good.name == FRESH), _GUESTS)
        start = min(first, _GUESTS)
        say(f"what an earlier rehearsal did until {good.name} is the same today: it begins with {start}")
        return start

    def fitting(self, say: Callable[[str], None], before: str = "") -> Checkpoint | None:
        """Return the last checkpoint that a rehearsal of today would make the same, None for none."""
        good = None
        for checkpoint in find_all(self.machine.state):
            if before and checkpoint.name >= before:
                break
            touched = keys.first_touched(checkpoint.made_of, self.made_of(checkpoint.name))
            if touched:
                say(f"an earlier rehearsal serves until before {touched}: what decides there is another")
                break
            good = checkpoint
        return good
