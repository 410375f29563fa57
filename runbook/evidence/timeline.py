"""A picture of a run's time: when each notebook ran, and for how long it read the host or worked on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runbook.engine.journal import Line
from runbook.show.canvas import BLUE, GREEN, GREY, RED, box, label, line, picture
from runbook.show.pieces import TINT
from runbook.text.moments import spent

Json = dict[str, Any]
WIDE, LEFT, RIGHT, ROW, TOP = 880, 190, 92, 30, 26
_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_LEAST_PX = 0.7
_LEGEND = (
    ("reading the host", GREY),
    ("a step: changed", BLUE),
    ("unchanged", GREEN),
    ("refused or failed", RED),
)


@dataclass(frozen=True)
class Span:
    """A stretch of a run, in seconds after its beginning; `kind` is a status, or `reading`."""

    name: str
    kind: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Track:
    """One notebook: all of it, and what it did."""

    whole: Span
    parts: tuple[Span, ...]


def timeline(run: Json, lines: Sequence[Line]) -> str:
    """Return a run's timeline as an inline SVG, '' for one that has no time to show."""
    found = tracks(run, lines)
    last = max((track.whole.end for track in found), default=0.0)
    if not last:
        return ""
    high = TOP + ROW * len(found) + 34
    title = f"Where the time went: {spent(last)} in {len(found)} notebooks"
    return picture(WIDE, high, title, "\n".join(outline(found)), _inside(found, last))


def tracks(run: Json, lines: Sequence[Line]) -> tuple[Track, ...]:
    """Return a track for each notebook that ran; `lines` are those of the run's journal.

    A notebook ends with its last line and began as long before as it took: its kernel writes no line.
    """
    lines = [entry for entry in lines if "at" in entry and "tick_s" in entry]
    if not lines:
        return ()
    began = datetime.fromisoformat(run["started"])
    first = (datetime.fromisoformat(lines[0]["at"]) - began).total_seconds() - lines[0]["tick_s"]
    found: list[Track] = []
    for book in run["notebooks"]:
        mine = [(first + entry["tick_s"], entry) for entry in lines if entry.get("notebook") == book["name"]]
        if not mine:
            continue
        start = max(mine[-1][0] - (book["seconds"] or 0), found[-1].whole.end if found else 0.0)
        end = max(start + (book["seconds"] or 0), mine[-1][0])
        found.append(Track(Span(book["name"], book["status"], start, end), tuple(_parts(mine))))
    return tuple(found)


def outline(found: Sequence[Track]) -> list[str]:
    """Return each notebook with its long parts as a line: the picture for those who cannot see it."""
    lines = []
    for track in found:
        reading = sum(part.seconds for part in track.parts if part.kind == "reading")
        steps = [part for part in track.parts if part.kind != "reading" and part.seconds >= 1]
        parts = [f"{part.name} {part.kind} in {spent(part.seconds)}" for part in steps]
        parts = [f"{spent(reading)} reading the host", *parts]
        whole = track.whole
        lines.append(
            f"{whole.name}: after {spent(whole.start)} for {spent(whole.seconds)}; {', '.join(parts)}"
        )
    return lines


def _parts(mine: list[tuple[float, Line]]) -> list[Span]:
    """Return the steps of a notebook, and after them the times in which the host was read."""
    steps, readings, open_at = [], [], {}
    for at, entry in mine:
        match entry["event"]:
            case "gather":
                readings.append(Span("reading the host", "reading", at - entry["elapsed_s"], at))
            case "step-begin":
                open_at[entry["step"]] = at
            case "step-end" if entry["step"] in open_at:
                steps.append(Span(entry["step"], entry["status"], open_at.pop(entry["step"]), at))
    steps += [Span(step, "killed", at, mine[-1][0]) for step, at in open_at.items()]
    return [*steps, *readings]


def _inside(found: Sequence[Track], last: float) -> str:
    scale = (WIDE - LEFT - RIGHT) / last
    bottom = TOP + ROW * len(found)
    parts = []
    step = next((tick for tick in _TICKS if last / tick <= 8), _TICKS[-1])
    for number in range(int(last // step) + 1):
        x = LEFT + number * step * scale
        parts.append(line((x, TOP - 4), (x, bottom), faint=True))
        parts.append(label(x, 14, _tick(number * step), 90, look='text-anchor="middle"'))
    for at, track in enumerate(found):
        parts += _row(track, TOP + at * ROW, scale)
    x = float(LEFT)
    for text, tint in _LEGEND:
        parts.append(box(x, bottom + 14, 14, 12, tint))
        parts.append(label(x + 19, bottom + 24, text, 140))
        x += 42 + 6 * len(text)
    return "".join(parts)


def _row(track: Track, y: float, scale: float) -> list[str]:
    whole = track.whole
    x, wide = LEFT + whole.start * scale, max(whole.seconds * scale, 1.0)
    parts = [
        label(0, y + 20, whole.name, LEFT - 8),
        box(x, y + 4, wide, ROW - 8, GREY if whole.kind == "completed" else RED, dashed=True),
        label(x + wide + 6, y + 20, spent(whole.seconds), RIGHT - 6),
    ]
    for part in track.parts:
        px = part.seconds * scale
        if px < _LEAST_PX:
            continue
        tint = GREY if part.kind == "reading" else TINT.get(part.kind, RED)
        says = f"{part.name}: {spent(part.seconds)}" + ("" if part.kind == "reading" else f", {part.kind}")
        parts.append(box(LEFT + part.start * scale, y + 4, px, ROW - 8, tint, says=says))
        if part.kind != "reading" and px > 6.6 * len(part.name) + 8:
            parts.append(label(LEFT + part.start * scale + 5, y + 20, part.name, px))
    return parts


def _tick(seconds: int) -> str:
    """Return a mark of the axis.

    >>> _tick(0), _tick(30), _tick(300), _tick(5400)
    ('0', '30 s', '5 min', '1 h 30 min')
    """
    if seconds < 60:
        return f"{seconds} s" if seconds else "0"
    hours, minutes = divmod(seconds // 60, 60)
    return " ".join(
        [*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes or not hours else [])]
    )
