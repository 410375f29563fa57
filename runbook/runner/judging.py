"""Whether a notebook ended well: all of its cells may have run, and one of its steps not."""

from __future__ import annotations

from dataclasses import asdict

from runbook.evidence import planned
from runbook.evidence.outcomes import GOOD, Failure, stopped_by_steps
from runbook.evidence.record import NotebookRecord


def judged(entry: NotebookRecord) -> Failure | None:
    """Let no notebook count as completed when one of its steps did not end well."""
    bad = stopped_by_steps(entry.steps)
    if not bad:
        return None
    entry.status, code = bad
    if refusal := planned.would_refuse(ends := [asdict(end) for end in entry.steps]):
        text = f"{refusal}\n{planned.in_full(ends)}"
        return Failure(entry.name, "", "Refused", text, entry.status, code)
    names = ", ".join(f"{end.step} ({end.status})" for end in entry.steps if end.status not in GOOD)
    text = f"no cell raised an error, but these steps did not end well: {names}"
    return Failure(entry.name, "", "StepFailed", text, entry.status, code)
