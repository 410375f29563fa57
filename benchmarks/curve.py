"""Curves of cost over size: how steep they are, and a picture of them with both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]
"""Size and cost, both above zero, by rising size."""
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 400, 70, 44, 20, 52
COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e")


def slope(points: Points) -> float:
    """Return the exponent of a curve: the slope of the line nearest to it in logarithms (least squares).

    >>> round(slope([(1, 3), (10, 300), (100, 30000)]), 3)
    2.0
    """
    xs, ys = ([math.log(point[axis]) for point in points] for axis in (0, 1))
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def steepest(points: Points) -> float:
    """Return the greater exponent of the whole curve and its last step: what is fixed hides growth in the small."""
    return max(slope(points), slope(points[-2:]))


def svg(title: str, x_words: str, y_words: str, curves: Mapping[str, Points]) -> str:
    """Return the picture: a line a curve, its exponents, and a grid of powers of ten."""
    points = [point for curve in curves.values() for point in curve]
    (x0, x1), (y0, y1) = (_decades([point[axis] for point in points]) for axis in (0, 1))

    def at(x: float, y: float) -> tuple[float, float]:
        right, up = (math.log10(x) - x0) / (x1 - x0), (math.log10(y) - y0) / (y1 - y0)
        return LEFT + right * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    lines = [
        _text(LEFT, 20, title, "start", 14),
        _text(WIDTH / 2, HEIGHT - 10, x_words),
        _text(LEFT, 36, y_words, "start"),
    ]
    for power in range(x0, x1 + 1):
        x, y = at(10**power, 10**y0)
        lines += [_line(x, TOP, x, y, "#d0d7de"), _text(x, y + 18, _power(power))]
    for power in range(y0, y1 + 1):
        x, y = at(10**x0, 10**power)
        lines += [_line(x, y, WIDTH - RIGHT, y, "#d0d7de"), _text(x - 8, y + 4, _power(power), "end")]
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [at(*point) for point in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        label = f"{name}: exponent {slope(curve):.2f}, last step {slope(curve[-2:]):.2f}"
        lines.append(_text(LEFT + 10, TOP + 18 + 17 * number, label, "start", 12, colour))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif">'
    ground = f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, ground, *lines, "</svg>", ""])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _power(power: int) -> str:
    return f"{10.0**power:g}" if -4 <= power <= 4 else f"1e{power}"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _text(
    x: float, y: float, text: str, anchor: str = "middle", size: int = 11, colour: str = "#1f2328"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
