"""Takes a checkpoint after every notebook of a run that changed the machine, and begins again at the last one."""

from __future__ import annotations

import time
from collections.abc import Callable

from runbook.errors import RunbookError
from runbook.evidence.record import Event
from runbook.steps import notebooks
from runbook.testbed.checkpoints import FRESH, Checkpoint, discard_later, find_all, restore, take
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine, state_dir
from runbook.testbed.made_of import changed, made_of
from runbook.testbed.proving import say


class Keeper:
    """A listener of the acceptance's first run. A checkpoint that fails is said, and fails nothing else."""

    def __init__(
        self, machine: Machine, params: str, release: str, made: Callable[[str], dict[str, str]] | None = None
    ) -> None:
        self._machine = machine
        self._made = made or (lambda name: made_of(params, release, name))
        self._has_changed = False

    def fresh(self) -> None:
        """Keep the machine as it is before the first notebook."""
        self._take(FRESH)

    def __call__(self, event: Event) -> None:
        """Hear what the run says of itself."""
        if event.get("event") == "step-end" and event.get("status") == "changed":
            self._has_changed = True
        if event.get("event") == "notebook-end" and event.get("status") == "completed" and self._has_changed:
            self._take(str(event["notebook"]))
            self._has_changed = False

    def _take(self, name: str) -> None:
        began = time.monotonic()
        try:
            kept = take(self._machine, name, self._made(name))
        except (RunbookError, TestbedError, OSError) as error:
            say(f"no checkpoint {name}: {error}")
            return
        say(f"checkpoint {name}: {kept.mib} MiB, in {time.monotonic() - began:.1f} s")


def begin_again(params: str, release: str) -> str:
    """Put the machine back, off, to the last checkpoint that fits, and return the notebook to go on with; '' for none.

    A checkpoint fits when its base disk, the parameters and all notebooks until there are what they are today.
    """
    machine, good = Machine(state_dir(release)), _fitting(params, release)
    if good is None:
        say("no checkpoint fits: it begins with an empty disk")
        return ""
    names = list(notebooks())
    start = next((name for name in names if name > good.name), names[-1])
    discard_later(machine.state, good.name)
    restore(machine, good)
    say(f"goes on at checkpoint {good.name}, with {start}")
    return start


def _fitting(params: str, release: str) -> Checkpoint | None:
    good = None
    for checkpoint in find_all(state_dir(release)):
        if reasons := changed(checkpoint, params, release):
            say(f"checkpoint {checkpoint.name} does not fit: {', '.join(reasons)}")
            break
        good = checkpoint
    return good
