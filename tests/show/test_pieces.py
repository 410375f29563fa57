"""The small pieces of which everything that is shown is made."""

import pytest

from runbook.plan import Finding
from runbook.show.pieces import TINT, findings_html


@pytest.mark.parametrize("level", ["info", "wait", "warn", "refuse", "fail"])
def test_a_finding_has_the_colour_of_its_level(level):
    """Whatever word a level is shown as, its ground is that of the level."""
    assert f"rgba({TINT[level]},.18)" in findings_html([Finding(level, "a lamp is on")])


def test_the_levels_that_stop_do_not_look_like_notes():
    """What is wrong and what wants care differ from a mere note, and from each other."""
    assert len({TINT["info"], TINT["warn"], TINT["fail"]}) == 3
