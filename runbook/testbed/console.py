"""Waiting for a machine by its own signs of life instead of by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runbook.testbed.errors import GaveUp, TestbedError, tail

GAVE_UP = {"end Kernel panic": 3, "You are in emergency mode": 8}
"""What a system says that gave up, and among how many last lines; one that restarts by itself says more after it."""


@dataclass(frozen=True)
class Patience:
    """How long to wait: `stall_s` without a sign of life, `panic_s` after a kernel's last words, `total_s` in any case."""

    stall_s: float = 900
    panic_s: float = 120
    total_s: float = 2700
    pause_s: float = 2


def console_tail(log: Path, lines: int = 30) -> str:
    """The last lines that the machine's serial port said, in plain text."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 200 * lines - 4096))
            return tail(file.read().decode(errors="replace"), lines)
    except FileNotFoundError:
        return "(the console has said nothing yet)"


def wait_until(
    what: str,
    ready: Callable[[], bool],
    alive: Callable[[], bool],
    log: Path,
    patience: Patience = Patience(),
) -> float:
    """Seconds until `ready()` holds.

    Raises `TestbedError` with the console's end when `alive()` no longer holds, when the console
    log stops growing for `patience.stall_s`, or after `patience.total_s`; `GaveUp` when a panic, or emergency mode, is the
    last that it said for `patience.panic_s`.
    """
    began = grew = time.monotonic()
    size = -1
    while True:
        if ready():
            return time.monotonic() - began
        now = time.monotonic()
        new = log.stat().st_size if log.exists() else 0
        if new != size:
            size, grew = new, now
        if not alive():
            raise _failure(what, "the virtual PC's process ended (see qemu.log beside the console)", log)
        if now - grew > patience.panic_s and _gave_up(log):
            raise _failure(what, "its kernel panicked, or systemd found no way on", log, GaveUp)
        if now - grew > patience.stall_s:
            raise _failure(what, f"the console said nothing new for {patience.stall_s:.0f} s", log)
        if now - began > patience.total_s:
            raise _failure(what, f"still not after {patience.total_s:.0f} s", log)
        time.sleep(patience.pause_s)


def _gave_up(log: Path) -> bool:
    return any(words in console_tail(log, lines) for words, lines in GAVE_UP.items())


def _failure(what: str, why: str, log: Path, kind: type[TestbedError] = TestbedError) -> TestbedError:
    return kind(
        f"the testbed did not get as far as: {what}",
        where=str(log),
        why=f"{why}; the console's last words:\n{console_tail(log)}",
        next_move="read the whole console there, or start over with a fresh machine: runbook testbed up --fresh",
    )
