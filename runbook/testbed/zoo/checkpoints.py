"""Checkpoints of a described machine: its disks after each notebook, and the reports of what had been done to it by then."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from runbook.errors import ParamsError
from runbook.evidence.record import Event
from runbook.runner.telling import OnEvent
from runbook.steps import notebooks
from runbook.testbed.checkpoints import FRESH, Checkpoint, discard, discard_later, find_all, restore, take
from runbook.testbed.keeper import Keeper
from runbook.testbed.machine import Machine
from runbook.testbed.machines import Description
from runbook.testbed.made_of import made_of
from runbook.testbed.proving import say
from runbook.testbed.returns import kept_state
from runbook.testbed.zoo import asked, building

__all__ = ["begin_again", "fresh", "keeper", "kept_state", "proposed"]

_GUESTS = "08_guests"
"""The notebook that starts the guests."""


def proposed(described: Description, machine: Machine) -> Path:
    """Return where the file lies that `runbook new` wrote for it."""
    return machine.state / f"{described.name}-proposed.yml"


def fresh(described: Description, machine: Machine) -> None:
    """Keep the machine as it is before the first notebook; earlier reports are of a machine that is gone."""
    shutil.rmtree(machine.state / "reports", ignore_errors=True)
    discard(machine.state)
    take(machine, FRESH, _made(described, "", FRESH))


def keeper(described: Description, machine: Machine, params: str) -> OnEvent:
    """Return the listener of a run that keeps the disks, and the reports so far, after each notebook that changed something."""
    keep = Keeper(machine, params, described.release, partial(_made, described, params))

    def hear(event: Event) -> None:
        keep(event)
        if event.get("event") == "notebook-end":
            for checkpoint in find_all(machine.state):
                if checkpoint.name == event["notebook"]:
                    shutil.copytree(
                        machine.state / "reports", checkpoint.folder / "reports", dirs_exist_ok=True
                    )

    return hear


def begin_again(described: Description, machine: Machine) -> str:
    """Put the machine back, off, to the last checkpoint that fits; return the notebook to go on with, '' for none."""
    good = _fitting(described, machine)
    if good is None:
        say("no checkpoint fits: it begins with an empty disk")
        return ""
    discard_later(machine.state, good.name)
    restore(machine, good)
    (machine.folder / "described").touch()
    shutil.rmtree(machine.state / "reports", ignore_errors=True)
    if (good.folder / "reports").exists():
        shutil.copytree(good.folder / "reports", machine.state / "reports")
    # A checkpoint keeps no memory: guests that were started by hand are off again.
    start = min(
        next((name for name in notebooks() if name > good.name or good.name == FRESH), _GUESTS), _GUESTS
    )
    say(f"goes on at checkpoint {good.name}, with {start}")
    return start


def _fitting(described: Description, machine: Machine) -> Checkpoint | None:
    try:
        found = asked.complete(machine, described, proposed(described, machine))
        params = str(asked.with_moves(described, found))
    except (OSError, ParamsError):
        params = ""
    good = None
    for checkpoint in find_all(machine.state):
        if checkpoint.name != FRESH and not params:
            break
        now = _made(described, params, checkpoint.name)
        if other := [
            name for name in {**checkpoint.made_of, **now} if checkpoint.made_of.get(name) != now.get(name)
        ]:
            say(f"checkpoint {checkpoint.name} does not fit: {', '.join(other)} changed")
            break
        good = checkpoint
    return good


def _made(described: Description, params: str, until: str) -> dict[str, str]:
    own = {"base": building.base_name(described), "machine": building.digest(described)}
    return own if until == FRESH else made_of(params, described.release, until, own["base"]) | own
