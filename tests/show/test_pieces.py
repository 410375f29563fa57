"""The small pieces of which everything that is shown is made."""

import re
from types import SimpleNamespace

import pytest

from runbook.cli.progress import COLOURS
from runbook.evidence import layout
from runbook.model.plan import Finding
from runbook.show import steps
from runbook.show.canvas import BLUE, GREEN, RED
from runbook.show.pieces import TINT, findings_html


@pytest.mark.parametrize("level", ["info", "wait", "warn", "refuse", "fail"])
def test_a_finding_has_the_colour_of_its_level(level):
    """Whatever word a level is shown as, its ground is that of the level."""
    assert f"rgba({TINT[level]},.18)" in findings_html([Finding(level, "a lamp is on")])


def test_the_levels_that_stop_do_not_look_like_notes():
    """What is wrong and what wants care differ from a mere note, and from each other."""
    assert len({TINT["info"], TINT["warn"], TINT["fail"]}) == 3


@pytest.mark.parametrize(
    ("status", "colour"),
    [
        ("unchanged", "green"),
        ("changed", "blue"),
        *((end, "red") for end in ("refused", "failed", "timed-out", "killed")),
    ],
)
def test_a_status_has_one_colour_everywhere(status, colour):
    """In a notebook, on the pages of a report and on a terminal a status has the same colour."""
    rule = re.search(
        rf"^\.s-[^{{]*\b{status}\b[^{{]*{{ --tint: var\(--(\w+)\)", layout.file("style.css"), re.M
    )
    assert {"good": "green", "accent": "blue", "bad": "red"}[rule[1]] == colour
    assert {GREEN: "green", BLUE: "blue", RED: "red"}[TINT[status]] == colour
    assert COLOURS[status] == colour


@pytest.mark.parametrize(
    ("said", "shown"),
    [("a\nb\n", "(2 lines)"), ("a\n[… 1,000 bytes left out …]\nb\n", "(3 lines, without the middle)")],
)
def test_what_a_command_said_is_not_called_whole_without_its_middle(said, shown):
    """Above the folded output stand its lines, and that the middle is missing where it was not kept."""
    end = steps.Outcome("x", "changed", done=(("run apt", said),))
    result = steps.outcome(SimpleNamespace(TITLE="X"), end)
    assert f"1. run apt {shown}</summary>" in result.html
    assert result.text.endswith(f"1. run apt {shown}")
