"""Inline SVG for pictures: it needs no style sheet and no script, and reads in light and dark."""

from __future__ import annotations

from runbook.text.html import escape

_LETTER = 6.4
"""Width of a letter at 12 px, on average."""
SMALLEST = 0.8
"""A picture shrinks so far and no further, so that its words stay readable; then it is moved sideways."""
GREY, BLUE, GREEN, AMBER, VIOLET, RED = (
    "128,128,128",
    "9,105,218",
    "46,160,67",
    "210,153,34",
    "163,113,247",
    "248,81,73",
)
#: One for each of several things alike; the words in the picture say the same.
TINTS = (BLUE, GREEN, AMBER, VIOLET)


def picture(wide: float, high: float, title: str, text: str, inside: str) -> str:
    """Return an `<svg>`; `title` and `text` are what a screen reader says instead."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {wide:g} {high:g}" '
        f'style="min-width:{wide * SMALLEST:.0f}px;max-width:{wide:g}px;width:100%;font:12px sans-serif" fill="currentColor">'
        f"<title>{escape(title)}</title><desc>{escape(text)}</desc>{inside}</svg>"
    )


def box(
    x: float, y: float, wide: float, high: float, tint: str, *, says: str = "", dashed: bool = False
) -> str:
    """Return a rounded box in a tint; `says` shows when the pointer rests on it."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    title = f"<title>{escape(says)}</title>" if says else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="4" '
        f'fill="rgba({tint},.14)" stroke="rgba({tint},.75)"{dash}>{title}</rect>'
    )


def letters(room: float) -> int:
    """Return how many letters a room of so many pixels has."""
    return max(int(room / _LETTER), 1)


def label(x: float, y: float, text: str, room: float, *, look: str = "", short: str = "") -> str:
    """Return a line of text that is cut to its room, or its `short` form; the whole shows when the pointer rests on it."""
    short = short or cut(text, letters(room))
    title = f"<title>{escape(text)}</title>" if short != text else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{look and " " + look}>{title}{escape(short)}</text>'


def line(*points: tuple[float, float], tint: str = GREY, dashed: bool = False, faint: bool = False) -> str:
    """Return a line through points."""
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    look = 'stroke-opacity=".4"' if faint else 'stroke-width="1.5"'
    return f'<polyline points="{way}" fill="none" stroke="rgb({tint})" {look}{dash}/>'


def cut(text: str, most: int) -> str:
    """Return a text of at most so many letters.

    >>> cut("a network card", 7)
    'a netw…'
    """
    return text if len(text) <= most else text[: max(most - 1, 1)] + "…"
