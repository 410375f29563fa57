"""How the steps of a rehearsal's runs ended, noted as its record keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from subprocess import SubprocessError

from runbook.errors import CheckFailed, Refused
from runbook.evidence.outcomes import INTERRUPTED
from runbook.evidence.rehearsals import StepPlayed
from runbook.rehearsal import notebooks
from runbook.runner.run import Run
from runbook.steps import notebooks as all_notebooks
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine


def note(played: dict[str, StepPlayed], done: Run, exact: Iterable[str]) -> None:
    """Add how each step of a run ended; of one that ran again and found all done the first time counts.

    `exact` are the lines of consent to one plan that the run was given.
    """
    known = all_notebooks()
    for book in done.record.notebooks:
        risks = {name: step.RISK for name, step in notebooks.steps(known, book.name).items()}
        for end in book.steps:
            old = played.get(end.step)
            if end.status == "never-run" or (old and old.status == "changed" and end.status == "unchanged"):
                continue
            agreed = next((line for line in exact if line.startswith(f"{end.step}:")), "")
            digest = end.digest if end.actions else ""
            played[end.step] = StepPlayed(
                book.name,
                end.step,
                end.title,
                end.status,
                digest,
                str(risks.get(end.step, "")),
                end.seconds,
                end.message,
                agreed,
            )


def require_good(done: Run) -> None:
    """Raise `Refused` for a run that a step refused, `CheckFailed` for one that ended otherwise than well.

    Raises `KeyboardInterrupt` for one that somebody stopped.
    """
    if done.exit_code == INTERRUPTED:
        raise KeyboardInterrupt
    if done.exit_code:
        kind = Refused if done.exit_code == 3 else CheckFailed
        raise kind(
            f"In the virtual PC, mode {done.record.mode} ended with {done.exit_code}",
            where=str(done.folder),
            why=done.message,
            do="mend what it names, in the parameters or on the host, and rehearse again",
        )


def switched_off(machine: Machine, outcome: str, why: str) -> tuple[str, str]:
    """Switch the virtual PC off; return outcome and reason, which stay what they were where that works."""
    try:
        machine.down()
    except (TestbedError, OSError, SubprocessError) as error:
        return (
            "failed" if outcome == "held" else outcome,
            f"{why}\nthe virtual PC did not go off: {error}".strip(),
        )
    return outcome, why
