"""The screen of a virtual PC that has one, as a picture: of a host whose graphics card goes to a guest its stand-in shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from runbook.evidence.record import Event
from runbook.testbed import hardware
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine
from runbook.testbed.monitor import monitor


def keep(machine: Machine, say: Callable[[str], None]) -> None:
    """Take a picture of the screen, in the place of the last one, and say where it is; nothing of a PC without a screen."""
    picture = machine.state / "screen.png"
    with suppress(TestbedError):
        with monitor(machine.folder / hardware.MACHINE.monitor_socket) as pc:
            pc.tell("screendump", filename=str(picture), format="png")
        say(f"its screen: {picture}")


def hear(event: Event, machine: Machine, say: Callable[[str], None]) -> None:
    """Take one behind each notebook of a run."""
    if event.get("event") == "notebook-end":
        keep(machine, say)
