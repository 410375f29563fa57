"""Exponents of curves, and their pictures."""

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.aims import STEEP
from benchmarks.curve import slope, steepest, svg

SIZES = (10, 100, 500, 1000)


@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_the_slope_is_the_exponent(power):
    """The exponent of a pure power comes out, whatever its factor."""
    assert slope([(size, 0.3 * size**power) for size in SIZES]) == pytest.approx(power)


def test_what_is_fixed_hides_no_square():
    """A square below a large fixed cost shows in the last step, though not in the curve as a whole."""
    points = [(size, 0.1 + 0.001 * size + 2e-6 * size**2) for size in SIZES]
    assert slope(points) < STEEP < steepest(points)


def test_a_line_is_not_steep():
    """A cost that is fixed and linear stays below what counts as steep."""
    assert steepest([(size, 0.1 + 0.001 * size) for size in SIZES]) < 1.001 < STEEP


def test_the_picture_has_each_curve_inside():
    """The picture is an SVG with a line a curve and a dot a point, all of them between the axes."""
    curves = {"plans & more": [(10, 0.07), (1000, 1.4)], "page": [(10, 0.01), (100, 0.03), (1000, 0.3)]}
    root = ElementTree.fromstring(svg("A <title>", "devices", "seconds", curves))
    name = "{http://www.w3.org/2000/svg}"
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter(f"{name}circle")]
    assert len(list(root.iter(f"{name}polyline"))) == 2
    assert len(dots) == 5
    assert all(70 <= x <= 620 and 44 <= y <= 348 for x, y in dots)
    assert dots[0][0] == dots[2][0] and dots[1][0] == dots[4][0]  # noqa: PT018 - one thing: sizes are above each other
    assert any("plans & more: exponent 0.65" in (text.text or "") for text in root.iter(f"{name}text"))
