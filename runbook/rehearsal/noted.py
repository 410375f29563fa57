"""How the steps of a rehearsal's runs ended, noted as its record keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from subprocess import SubprocessError

from runbook.controller.atomic import write_atomic
from runbook.errors import CheckFailed, Refused
from runbook.evidence import rehearsals
from runbook.evidence.outcomes import GOOD, INTERRUPTED
from runbook.evidence.rehearsals import StepPlayed
from runbook.redaction import KNOWN
from runbook.rehearsal import notebooks
from runbook.runner.run import Run
from runbook.steps import notebooks as all_notebooks
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine

_PLAYED = "played.json"


def note(played: dict[str, StepPlayed], done: Run, exact: Iterable[str]) -> None:
    """Add how each step of a run ended; of one that ran again, and well, the first time counts: that is the host's own plan.

    `exact` are the lines of consent to one plan that the run was given.
    """
    known = all_notebooks()
    for book in done.record.notebooks:
        risks = {name: step.RISK for name, step in notebooks.steps(known, book.name).items()}
        for end in book.steps:
            old = played.get(end.step)
            if end.status == "never-run" or (old and old.status == "changed" and end.status in GOOD):
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


def keep(played: Mapping[str, StepPlayed], state: Path, installation: str) -> None:
    """Write how the steps ended so far into the machine's folder, for a rehearsal that begins behind some of them."""
    steps = [asdict(step) for step in played.values()]
    content = {"edition": rehearsals.edition(), "machine": installation, "steps": steps}
    write_atomic(state / _PLAYED, json.dumps(KNOWN.clean(content), indent=1) + "\n")


def kept(state: Path, installation: str, until: str) -> dict[str, StepPlayed]:
    """Return how the steps of all notebooks until one ended when the disks were kept that stand behind it.

    Nothing where another edition of the runbook carried them out, or for another installation.
    """
    try:
        content = json.loads((state / _PLAYED).read_text(encoding="utf-8"))
        if (content["edition"], content["machine"]) != (rehearsals.edition(), installation):
            return {}
        found = [StepPlayed(**step) for step in content["steps"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {step.step: step for step in found if step.notebook <= until}


def forget(state: Path) -> None:
    """Take away what was kept of another machine."""
    (state / _PLAYED).unlink(missing_ok=True)


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
