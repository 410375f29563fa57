"""The first line of a host's page: well, or what is not, and the next move.

A host is well when each of its steps was found right the last time that anybody looked at it, and the watch found
nothing amiss. What nobody looked at, or what was found and cannot be read, is neither well nor not: it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.attestation.statement import PRUNED, runs_in
from runbook.controller import plain
from runbook.evidence.outcomes import GOOD
from runbook.text.moments import when
from runbook.text.plural import plural

Json = dict[str, Any]
WATCH = "watch.json"
"""What `runbook watch` keeps of a host, beside its runs."""
CHECK = "runbook check PARAMS"
_SAW = ("unchanged", "changed")
_PASSES = ("reach", "drift")
"""What of a watch's findings is over when a later run completed."""


@dataclass(frozen=True)
class Standing:
    """How a host stands, as far as is known: `is_well` is None when nobody can say."""

    is_well: bool | None
    what: str
    do: str = ""
    more: tuple[str, ...] = ()
    """What else is not well."""


@dataclass(frozen=True)
class _Watched:
    """What the watch found: when, as ISO 8601, what is not well (topic, what, do), and what it could not look at."""

    at: str
    active: tuple[tuple[str, str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    waiting: int = 0
    is_readable: bool = True


def of(place: Path, runs: Sequence[Json]) -> Standing:
    """Return how the host whose reports are in `place` stands; `runs` are its own, newest first."""
    by_runs, at = _by_runs(place, runs)
    seen = _watched(place)
    if seen is None:
        return by_runs
    if not seen.is_readable:
        unread = Standing(None, "What the watch found cannot be read", "runbook watch PARAMS")
        return by_runs if by_runs.is_well is False else unread
    is_later = seen.at >= at
    rows = [row for row in seen.active if is_later or by_runs.is_well is False or row[0] not in _PASSES]
    if rows and (is_later or by_runs.is_well is not False):
        (_, what, do), *others = rows
        more = (*(other for _, other, _ in others), *_untold(seen))
        return Standing(False, f"Not well, as the watch found on {when(seen.at)}: {what}", do, more)
    return replace(_both(by_runs, seen) if is_later else by_runs, more=_untold(seen))


def _both(by_runs: Standing, seen: _Watched) -> Standing:
    """Return what is so when the watch looked last and found nothing amiss: it does not look at all that a run does."""
    on = when(seen.at)
    if seen.unknown and by_runs.is_well is not False:
        what = f"The watch found nothing amiss on {on}, and could not look at all of it: {'; '.join(seen.unknown)}"
        return Standing(None, what, by_runs.do or "runbook watch PARAMS")
    if not by_runs.is_well:
        return replace(
            by_runs, what=f"{by_runs.what}; the watch of {on} found nothing amiss, and looks at less"
        )
    return Standing(True, f"Well, as the watch found on {on}")


def _by_runs(place: Path, runs: Sequence[Json]) -> tuple[Standing, str]:
    """Return how the host stands by its own runs, and when the last of them ended; '' when there is none.

    A capture is no look at the host, and a plan is none at what it would do.
    """
    own = [
        run for run in runs if run["mode"] in ("apply", "check", "undo") and run["connection"] != "capture"
    ]
    if _is_unread(place, runs):
        return Standing(None, "The newest run cannot be read", f"runbook report verify {place}"), ""
    if not own:
        return Standing(None, "No run has looked yet whether it is well", CHECK), ""
    last = own[0]
    time = str(last.get("ended") or last["started"])
    at = when(time)
    if last["outcome"] == "running":
        what = f"A run in mode {last['mode']} began on {at} and has no end yet"
        return Standing(
            None, what, "wait for it; if its runner was killed, the next run says how it ended"
        ), time
    if last["outcome"] != "completed":
        failure = str((last.get("failure") or {}).get("message", ""))
        what = failure.partition("\n")[0] or str(last["outcome"])
        do = _do(failure) or f"open the run of {at} below"
        return Standing(False, f"Not well, as the last run found on {at}: {what}", do), time
    if last["mode"] == "undo":
        return Standing(None, f"What was done was taken back on {at}; no run has looked since", CHECK), time
    return _by_steps(own, at), time


def _by_steps(own: Sequence[Json], at: str) -> Standing:
    """Return what the newest look at each step says, where the last run completed and was perhaps of a part."""
    newest: dict[tuple[str, str], tuple[Json, Json]] = {}
    for run, book, step in _steps(own):
        newest.setdefault((book, str(step["step"])), (run, step))
    for run, step in newest.values():
        if step["status"] not in GOOD:
            on = when(run.get("ended") or run["started"])
            what = f"Not well, as the run of {on} found: {step['step']} {step['status']}"
            return Standing(False, f"{what}, and no run has looked at it since", CHECK)
    seen = {key for key, (_, step) in newest.items() if step["status"] in _SAW}
    missing = sorted({book for book, step in _expected() if (book, step) not in seen})
    if not missing:
        return Standing(True, f"Well, as the last run found on {at}")
    what = f"Nothing was amiss on {at} in what was looked at; no run has looked at all of "
    books = ", ".join(missing) if len(missing) <= 3 else plural(len(missing), "notebook")
    return Standing(None, what + books, CHECK)


def _steps(own: Sequence[Json]) -> Iterator[tuple[Json, str, Json]]:
    """Yield the steps that runs carried out or looked at, the newest run's first; none from before an undo."""
    for run in own:
        if run["mode"] == "undo":
            return
        for book in run["notebooks"]:
            yield from (
                (run, str(book["name"]), step) for step in book["steps"] if step["status"] != "never-run"
            )


def _expected() -> set[tuple[str, str]]:
    """Return each notebook with each of its steps."""
    from runbook.steps import name_of, notebooks

    return {(notebook, name_of(step)) for notebook, steps in notebooks().items() for step in steps}


def _is_unread(place: Path, runs: Sequence[Json]) -> bool:
    """Return whether the newest run's folder is there, is not pruned, and its record is none of `runs`."""
    folders = (
        [folder for folder in runs_in(place) if not (folder / PRUNED).exists()] if place.is_dir() else []
    )
    return bool(folders) and folders[-1].name not in {run["id"] for run in runs}


def _watched(place: Path) -> _Watched | None:
    """Return what the watch found when it looked last; None when it never did."""
    try:
        content: Json = plain.read_json(place / WATCH)
        at = datetime.fromtimestamp(int(content["looked"]), UTC).isoformat().replace("+00:00", "Z")
        rows = tuple((str(row["topic"]), str(row["what"]), str(row["do"])) for row in content["active"])
        unknown = tuple(f"{topic} ({why})" for topic, why in content.get("unknown", ()))
        return _Watched(at, rows, unknown, len(content.get("waiting", ())))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return _Watched("", is_readable=False)


def _untold(seen: _Watched) -> tuple[str, ...]:
    if not seen.waiting:
        return ()
    return (f"{plural(seen.waiting, 'message')} of the watch could not be told to whom it is for",)


def _do(message: str) -> str:
    """Return the next move of an error's text, '' when it has none.

    >>> _do("No\\n  where: toy\\n  do: run it again")
    'run it again'
    """
    return next(
        (line.strip()[3:].strip() for line in message.splitlines() if line.strip().startswith("do:")), ""
    )
