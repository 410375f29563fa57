"""Boxes within boxes as inline SVG: it needs no style sheet, and reads in light and dark.

Only what holds data has a ground: grounds within grounds add up to mud.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook.show.canvas import BLUE, GREEN, GREY, cut, picture
from runbook.text.html import escape
from runbook.text.sizes import human_size

_WIDTH = 760
_LINE = 20
_GAP = 6
_STRIP = 44
_LEAST = 62
_LETTER = 7.2
"""Room that a letter is given."""


@dataclass(frozen=True)
class Box:
    """A stretch of storage with what lies in it."""

    label: str
    size: int
    """In bytes."""
    inner: tuple[Box, ...] = ()
    is_stack: bool = False
    """True: what is inside stands one below the other, as wide as its size among them; False: side by side, likewise."""
    is_free: bool = False
    """True where nothing lies."""


def drawing(boxes: tuple[Box, ...], title: str, text: str) -> str:
    """Return the boxes as an `<svg>`; `title` and `text` are what a screen reader says instead."""
    parts: list[str] = []
    at = 0.0
    for box in boxes:
        at += _draw(box, 0.5, at + 0.5, _WIDTH - 1, 0, parts) + _GAP
    height = at - _GAP + 1
    return picture(_WIDTH, height, title, text, "".join(parts))


def widths(sizes: list[int], room: float) -> list[float]:
    """Return how wide boxes side by side are: in proportion, but each wide enough to be seen.

    >>> widths([1, 99], 200.0)
    [62.0, 138.0]
    """
    total = sum(sizes) or 1
    fair = [room * size / total for size in sizes]
    small = [i for i, width in enumerate(fair) if width < _LEAST]
    left = room - _LEAST * len(small)
    if left <= 0 or len(small) == len(sizes):
        return [room / len(sizes)] * len(sizes)
    large = sum(sizes) - sum(sizes[i] for i in small)
    return [float(_LEAST) if i in small else left * size / large for i, size in enumerate(sizes)]


def _draw(box: Box, x: float, y: float, width: float, depth: int, parts: list[str]) -> float:
    """Append one box with all in it, and return its height."""
    place = len(parts)
    parts.append("")
    parts.append(_text(box, x, y, width))
    height = float(_LINE if box.inner else _STRIP)
    if box.is_stack:
        largest, least = max(b.size for b in box.inner) or 1, max(map(_least, box.inner))
        room = width - 2 * _GAP
        for inner in box.inner:
            wide = min(room, max(room * inner.size / largest, least))
            height += _draw(inner, x + _GAP, y + height, wide, depth + 1, parts) + _GAP
    elif box.inner:
        left = x + _GAP
        room = width - _GAP * (len(box.inner) + 1)
        for inner, wide in zip(box.inner, widths([b.size for b in box.inner], room), strict=True):
            _draw(inner, left, y + height, wide, depth + 1, parts)
            left += wide + _GAP
        height += _STRIP + _GAP
    parts[place] = (
        f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" rx="4" {_look(box, depth)}/>'
    )
    return height


def _least(box: Box) -> float:
    """Return the width that a box in a stack needs for its words, and for the boxes side by side in it."""
    label = (len(f"{box.label}, {human_size(box.size)}") + 2) * _LETTER
    return max(label, _GAP + len(box.inner) * (_LEAST + _GAP))


def _look(box: Box, depth: int) -> str:
    """Return ground and line: of what holds others a line alone, of what is free a broken one."""
    if box.is_free:
        return f'fill="none" stroke="rgba({GREY},.7)" stroke-dasharray="4 3"'
    if box.inner:
        return f'fill="none" stroke="rgba({BLUE if depth % 2 else GREY},.8)"'
    return f'fill="rgba({GREEN},.16)" stroke="rgba({GREEN},.8)"'


def _text(box: Box, x: float, y: float, width: float) -> str:
    """Return a label cut to its box; the whole of it shows when the pointer rests on it."""
    size = human_size(box.size)
    lines = [f"{box.label}, {size}"] if box.inner or width > 300 else [box.label, size]
    most = max(int((width - 8) / _LETTER), 1)
    spans = "".join(
        f'<text x="{x + 5:.1f}" y="{y + 14 + i * 16:g}">{escape(cut(line, most))}</text>'
        for i, line in enumerate(lines)
    )
    return f"<g><title>{escape(box.label)}, {size}</title>{spans}</g>"
