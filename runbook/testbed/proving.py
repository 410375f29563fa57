"""What the proofs on the virtual PC share: a run that must hold, one that must change nothing, and saying so."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from runbook.errors import CheckFailed
from runbook.evidence.record import Event
from runbook.runner.run import Run, run
from runbook.runner.telling import OnEvent


def carry_out(
    params: str,
    number: int,
    mode: str,
    start: str | None = None,
    only: str | None = None,
    on_event: OnEvent | None = None,
    reports: Path = Path("reports"),
) -> Run:
    """Return run number so-and-so of the notebooks. Raises `CheckFailed` unless it ended with 0."""
    say(f"run {number}, mode {mode}")
    began = time.monotonic()

    def hear(event: Event) -> None:
        _progress(event)
        if on_event is not None:
            on_event(event)

    done = run(params, mode=mode, start=start, only=only, reports=reports, on_event=hear)
    say(f"run {number} ended with {done.exit_code} after {time.monotonic() - began:.0f} s")
    if done.exit_code:
        raise CheckFailed(
            f"Run {number} (mode {mode}) failed",
            where=str(done.folder),
            why=done.message,
            do="see its report",
        )
    return done


def nothing_changed(done: Run) -> None:
    """Raise `CheckFailed` unless every step of a run was `unchanged`."""
    other = {name: status for name, status in done.steps.items() if status != "unchanged"}
    if other or not done.steps:
        raise CheckFailed(
            "A run on the finished machine was not without changes",
            where=str(done.folder),
            why=", ".join(f"{name}: {status}" for name, status in other.items()) or "no step was run",
        )
    say(f"{len(done.steps)} steps, all unchanged: 0 changes")


def _progress(event: Event) -> None:
    if event.get("event") == "step-end":
        say(f"  {event.get('notebook')}  {event.get('step')}: {event.get('status')}")


def say(text: str) -> None:
    """Print a line of progress to standard error."""
    print(f"testbed: {text}", file=sys.stderr, flush=True)
