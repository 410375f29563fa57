"""What a run that only planned came to: how many steps would refuse and why, and how much is planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from runbook.text.plural import plural

Json = dict[str, Any]
FIRST = 3
"""How many reasons are said in a sentence; all are in the plans themselves."""


def refusals(steps: Iterable[Json]) -> Iterator[tuple[str, list[Json]]]:
    """Yield each step whose plan refuses with the findings why, from the steps of a `run.json`.

    A step that was carried out and refused then is none of them: its error says why.
    """
    for step in steps:
        why = [found for found in step.get("stops", ()) if found["level"] != "wait"]
        if step["status"] == "refused" and why:
            yield step["step"], why


def would_refuse(steps: Iterable[Json]) -> str:
    """Return how many steps would refuse, with the first reasons; '' when none would.

    >>> why = [{"level": "refuse", "what": "There is no device"}]
    >>> would_refuse([{"step": "hide_devices", "status": "refused", "stops": why}])
    '1 step would refuse: hide_devices: There is no device.'
    """
    found = [(name, why[0]["what"]) for name, why in refusals(steps)]
    if not found:
        return ""
    reasons = [f"{name}: {what}" for name, what in found[:FIRST]]
    reasons += [f"and {len(found) - FIRST} more"] if len(found) > FIRST else []
    return f"{plural(len(found), 'step')} would refuse: {'; '.join(reasons)}."


def in_full(steps: Iterable[Json]) -> str:
    """Return all that would be refused, each with its reason and its next move, on lines of their own."""
    lines = []
    for name, why in refusals(steps):
        for found in why:
            lines.append(f"  {name}: {found['what']}")
            lines += [f"    {label}: {found[label]}" for label in ("why", "do") if found.get(label)]
    return "\n".join(lines)


def actions(steps: Iterable[Json]) -> str:
    """Return how much is planned, and how much of it is only foreseen.

    >>> actions([{"actions": 1}, {"actions": None}])
    '1 action is planned'
    >>> actions([{"actions": 1}, {"actions": 2, "after": ["install_xen"]}])
    '3 actions are planned, 2 of them foreseen, for when steps before them have run'
    """
    counted = [(step["actions"] or 0, bool(step.get("after"))) for step in steps]
    count, foreseen = sum(n for n, _ in counted), sum(n for n, is_foreseen in counted if is_foreseen)
    text = f"{plural(count, 'action')} {'is' if count == 1 else 'are'} planned"
    return text + (f", {foreseen} of them foreseen, for when steps before them have run" if foreseen else "")
