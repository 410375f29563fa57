"""Bars to scale: an inline drawing in the colours of the page, a table and lines of text that say the same."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.show.canvas import GREY, RED, SMALLEST, TINTS
from runbook.show.pieces import Shown
from runbook.text.html import escape
from runbook.text.sizes import human_size

WIDE, HIGH, GAP, TOP = 880, 44, 34, 22
COLUMNS = 72
_STRIP = "display:flex;gap:2px;max-width:44em;margin:.2em 0 .6em"
_MARKS = "123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Piece:
    """One stretch of a whole, in its unit. `kind` is boot, group, other or free."""

    name: str
    what: str
    size: int
    kind: str
    group: str = ""
    """What it belongs to, a volume group or a guest, or ''."""


@dataclass(frozen=True)
class Bar:
    """A whole, such as a disk or a volume group, with its pieces in their order."""

    name: str
    what: str
    size: int
    pieces: tuple[Piece, ...]
    unit: str = "bytes"
    """What sizes are in; '' for a bare number."""

    def amount(self, size: int) -> str:
        """Return a size in words."""
        return human_size(size) if self.unit == "bytes" else f"{size} {self.unit}".rstrip()


def draw(title: str, bars: tuple[Bar, ...], groups: list[str] | None = None) -> Shown:
    """Return bars as an inline SVG with a table that says the same, and as lines of text.

    Pieces of each of the `groups` have a tint of their own; without any, every bar after the first is one.
    """
    if not bars:
        return Shown(f"<div><b>{escape(title)}</b>: no disk</div>", f"{title}: no disk")
    high = TOP + len(bars) * (HIGH + GAP)
    groups = [bar.name for bar in bars[1:]] if groups is None else groups
    inside = "".join(_bar_svg(bar, TOP + i * (HIGH + GAP), groups) for i, bar in enumerate(bars))
    summary = f"{title}: " + "; ".join(_sentence(bar) for bar in bars)
    svg = (
        f'<svg role="img" viewBox="0 0 {WIDE} {high}" width="100%" style="min-width:{WIDE * SMALLEST:.0f}px;max-width:{WIDE}px;color:inherit" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" fill="currentColor">'
        f"<title>{escape(summary)}</title>{inside}</svg>"
    )
    text = "\n".join([title, *(_bar_text(bar) for bar in bars)])
    return Shown(f"<div><b>{escape(title)}</b><br>{svg}{_table(bars)}</div>", text)


def fluid(title: str, bars: tuple[Bar, ...], groups: list[str]) -> str:
    """Return the same as HTML that keeps the size of its numbers on a narrow page.

    Every piece is wide enough for its number, so the smallest are not to scale; a name stands where it fits.
    """
    strips = "".join(f"<div>{escape(_head(bar))}</div>{_strips(bar, groups)}" for bar in bars)
    return f'<div style="line-height:1.45"><b>{escape(title)}</b>{strips}{_table(bars)}</div>'


def _strips(bar: Bar, groups: list[str]) -> str:
    """Return a bar, and below one that is overdrawn how far it should reach."""
    rows = [(marks(bar), bar.pieces)]
    over = sum(piece.size for piece in bar.pieces) - bar.size
    if over > 0:
        ends = Piece("there is", "", bar.size, "free"), Piece("too much", "", over, "other")
        rows.append((["", "!"], ends))
    return "".join(
        f'<div style="{_STRIP}" aria-hidden="true">'
        + "".join(_cell(bar, mark, piece, groups) for mark, piece in zip(*row, strict=True))
        + "</div>"
        for row in rows
    )


def _cell(bar: Bar, mark: str, piece: Piece, groups: list[str]) -> str:
    look = "dashed" if piece.kind == "free" else f"solid;background:rgba({_tint(piece, groups)},.28)"
    # What does not fit beside the number goes to a second line, which is not seen.
    return (
        f'<span title="{escape(_line(bar, piece))}" style="flex:{piece.size} 1 0;min-width:1.3em;height:1.5em;'
        f'line-height:1.5em;overflow:hidden;text-align:center;border-radius:3px;border:1px {look}">{mark} '
        f'<span style="display:inline-block;white-space:nowrap">{escape(piece.name or piece.what)}</span></span>'
    )


def _spans(bar: Bar, wide: float) -> list[tuple[float, float]]:
    """Return start and width of each piece; what the bar has besides its pieces stays blank at its end."""
    whole, at, found = max(bar.size, sum(p.size for p in bar.pieces), 1), 0.0, []
    for piece in bar.pieces:
        found.append((at, piece.size / whole * wide))
        at += piece.size / whole * wide
    return found


def _bar_svg(bar: Bar, top: int, groups: list[str]) -> str:
    text = f'<text x="0" y="{top - 6}" font-weight="bold">{escape(_head(bar))}</text>'
    frame = 'stroke="currentColor" stroke-opacity=".55"'
    for mark, piece, (x, w) in zip(marks(bar), bar.pieces, _spans(bar, WIDE), strict=True):
        is_free = piece.kind == "free"
        tint = f'fill="rgb({_tint(piece, groups)})" fill-opacity=".28"'
        look = 'fill="none" stroke-dasharray="4 4"' if is_free else tint
        name = piece.name or piece.what
        label = f"{mark} {name}".strip() if w > 9 * (len(name) + 3) else mark if w > 11 else ""
        text += (
            f'<rect x="{x:.1f}" y="{top}" width="{max(w, 1.5):.1f}" height="{HIGH}" {look} {frame}>'
            f"<title>{escape(_line(bar, piece))}</title></rect>"
        )
        if label:
            text += f'<text x="{x + w / 2:.1f}" y="{top + HIGH / 2 + 5}" text-anchor="middle">{escape(label)}</text>'
    return text


def _tint(piece: Piece, groups: list[str]) -> str:
    if piece.group in groups:
        return TINTS[groups.index(piece.group) % len(TINTS)]
    return GREY if piece.kind == "boot" else RED


def _table(bars: tuple[Bar, ...]) -> str:
    rows = "".join(
        f'<tr><td style="text-align:left">{escape(bar.name)}</td><td>{mark}</td>'
        f'<td style="text-align:left">{escape(piece.name)}</td><td>{escape(bar.amount(piece.size))}</td>'
        f'<td style="text-align:left">{escape(piece.what)}</td></tr>'
        for bar in bars
        for mark, piece in zip(marks(bar), bar.pieces, strict=True)
    )
    return f"<table><thead><tr><th>on</th><th></th><th>name</th><th>size</th><th>what</th></tr></thead><tbody>{rows}</tbody></table>"


def _bar_text(bar: Bar) -> str:
    line = ""
    for mark, (x, w) in zip(marks(bar), _spans(bar, COLUMNS), strict=True):
        # Everything is seen, however small: at least one column each.
        line += (mark or ".") * max(1, round(x + w) - max(len(line), round(x)))
    rows = [
        f"    {mark or '.'}  {_line(bar, piece)}" for mark, piece in zip(marks(bar), bar.pieces, strict=True)
    ]
    return "\n".join([f"  {_head(bar)}", f"    [{line}]", *rows])


def marks(bar: Bar) -> list[str]:
    """Return a digit or letter for each piece, '' for what is free."""
    marks = iter(_MARKS + "+" * len(bar.pieces))
    return ["" if piece.kind == "free" else next(marks) for piece in bar.pieces]


def _head(bar: Bar) -> str:
    return f"{bar.name}: {bar.amount(bar.size)}" + (f", {bar.what}" if bar.what else "")


def _line(bar: Bar, piece: Piece) -> str:
    name = f"{piece.name}: " if piece.name else ""
    size = f"{name}{bar.amount(piece.size)}"
    return f"{size}, {piece.what}" if piece.what else size


def _sentence(bar: Bar) -> str:
    return f"{_head(bar)}, with " + ", ".join(_line(bar, piece) for piece in bar.pieces)
