"""The first line of a host's page: well, or what is not, and the next move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.text.moments import when

Json = dict[str, Any]
WATCH = "watch.json"
"""What `runbook watch` keeps of a host, beside its runs."""


@dataclass(frozen=True)
class Standing:
    """How a host stands, as far as is known: `is_well` is None when nobody can say."""

    is_well: bool | None
    what: str
    do: str = ""
    more: tuple[str, ...] = ()
    """What else is not well."""


def of(place: Path, runs: Sequence[Json]) -> Standing:
    """Return how the host whose reports are in `place` stands; `runs` are its own, newest first.

    What was seen later counts: the watch, or the last run that was more than a plan.
    """
    last = next((run for run in runs if run["mode"] in ("apply", "check", "undo")), None)
    seen = _watched(place)
    if seen and (last is None or seen[0] >= (last["ended"] or last["started"])):
        return seen[1]
    if last is None:
        return Standing(
            None,
            "Nobody has looked yet whether it is well",
            "runbook check PARAMS, or runbook watch PARAMS by a timer",
        )
    at = when(last["ended"] or last["started"])
    if last["outcome"] == "completed":
        return Standing(True, f"Well, as the last run found on {at}")
    failure = (last.get("failure") or {}).get("message", "")
    what, _, _ = str(failure).partition("\n")
    return Standing(
        False,
        f"Not well, as the last run found on {at}: {what or last['outcome']}",
        _do(str(failure)) or f"open the run of {at} below",
    )


def _watched(place: Path) -> tuple[str, Standing] | None:
    """Return when the watch looked last, as ISO 8601, and what it found; None when it never did."""
    try:
        content: Json = plain.read_json(place / WATCH)
        at = datetime.fromtimestamp(int(content["looked"]), UTC).isoformat().replace("+00:00", "Z")
        rows = [(str(row["what"]), str(row["do"])) for row in content["active"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not rows:
        return at, Standing(True, f"Well, as the watch found on {when(at)}")
    what, do = rows[0]
    return at, Standing(
        False,
        f"Not well, as the watch found on {when(at)}: {what}",
        do,
        tuple(other for other, _ in rows[1:]),
    )


def _do(message: str) -> str:
    """Return the next move of an error's text, '' when it has none.

    >>> _do("No\\n  where: toy\\n  do: run it again")
    'run it again'
    """
    return next(
        (line.strip()[3:].strip() for line in message.splitlines() if line.strip().startswith("do:")), ""
    )
