"""What a notebook claims at its end, kept out of a report of a run in which it does not hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbformat import NotebookNode

from runbook.evidence.outcomes import StepEnd

HELD = ("unchanged", "changed")
_HEADING = "## What is now true\n\n"
_CLAIM = re.compile(r"(?ms)^## What is now true[^\n]*\n.*?(?=^##? |\Z)")


def withhold(nb: NotebookNode, steps: Sequence[StepEnd]) -> bool:
    """Replace the section "What is now true" unless every step ended well and one was asked for; return whether it was replaced.

    The section is written for the day on which all goes well. In a report it would be evidence of what
    nobody saw: after a refusal, after a step that was never begun, in mode plan, which changes nothing, and of an
    installation that nobody asked for.
    """
    open_ends = [end for end in steps if end.status not in HELD]
    unasked = dict.fromkeys(end.unasked for end in steps)
    if open_ends:
        text = _withheld(open_ends, len(steps))
    elif steps and all(unasked):
        text = f"{_HEADING}*This run cannot say.*\nNone of its steps was asked for: {'; '.join(unasked)}.\n\n"
    else:
        return False
    was_replaced = False
    for cell in nb.cells:
        if cell.cell_type == "markdown" and _CLAIM.search(cell.source):
            cell.source = _CLAIM.sub(lambda _: text, cell.source).rstrip("\n")
            was_replaced = True
    return was_replaced


def _withheld(ends: Sequence[StepEnd], of: int) -> str:
    named = ", ".join(f"`{end.step}` ({end.status})" for end in ends)
    step = "step" if len(ends) == 1 else "steps"
    return (
        f"{_HEADING}*This run cannot say.*\n"
        "What the notebook says here holds once every step has run and ended well, "
        f"and {len(ends)} of its {of} did not; {step}: {named}.\n\n"
    )
