"""What a notebook claims at its end, kept out of a report of a run in which it does not hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbformat import NotebookNode

from runbook.evidence.outcomes import StepEnd

HELD = ("unchanged", "changed")
_CLAIM = re.compile(r"(?ms)^## What is now true[^\n]*\n.*?(?=^##? |\Z)")


def withhold(nb: NotebookNode, steps: Sequence[StepEnd]) -> bool:
    """Replace the section "What is now true" unless every step ended well; return whether it was replaced.

    The section is written for the day on which all goes well. In a report it would be evidence of what
    nobody saw: after a refusal, after a step that was never begun, and in mode plan, which changes nothing.
    """
    open_ends = [end for end in steps if end.status not in HELD]
    if not open_ends:
        return False
    was_replaced = False
    for cell in nb.cells:
        if cell.cell_type == "markdown" and _CLAIM.search(cell.source):
            cell.source = _CLAIM.sub(lambda _: _withheld(open_ends, len(steps)), cell.source).rstrip("\n")
            was_replaced = True
    return was_replaced


def _withheld(ends: Sequence[StepEnd], of: int) -> str:
    named = ", ".join(f"`{end.step}` ({end.status})" for end in ends)
    step = "step" if len(ends) == 1 else "steps"
    return (
        "## What is now true\n\n"
        "*This run cannot say.*\n"
        "What the notebook says here holds once every step has run and ended well, "
        f"and {len(ends)} of its {of} did not; {step}: {named}.\n\n"
    )
