"""The gates before a notebook goes on: everything that is wrong is named, each with its reason and next move."""

import pytest

from runbook.actions import Run
from runbook.engine import gates
from runbook.errors import CheckFailed, Refused
from runbook.model.plan import Finding, Plan

TWO = (
    Finding("fail", "xenbr0 is missing", "guests are joined to it", "run 06 again", "H650"),
    Finding("warn", "xenbr2 is nobody's"),
    Finding("fail", "xenbr1 has no address"),
)
SAID = """\
prove_bridges: xenbr0 is missing (and 1 more)
  where: box
  why: guests are joined to it
  do: run 06 again
  also: xenbr1 has no address"""


def test_a_check_names_all_that_is_wrong():
    """Each finding that stops has its own what, why and next move; a warning stops nothing."""
    with pytest.raises(CheckFailed) as caught:
        gates.passes(TWO, "prove_bridges", "box")
    assert str(caught.value) == SAID
    gates.passes(TWO[1:2], "prove_bridges", "box")


def test_a_plan_names_all_that_stops_it():
    """A refusal tells every reason at once, so that nobody mends one only to meet the next."""
    refusals = tuple(Finding("refuse", f.what, f.why, f.do) for f in (TWO[2], TWO[0]))
    with pytest.raises(Refused) as caught:
        gates.may_go(Plan(findings=refusals), "configure_bridges", "box")
    assert str(caught.value).splitlines() == [
        "configure_bridges: xenbr1 has no address (and 1 more)",
        "  where: box",
        "  also: xenbr0 is missing",
        "    why: guests are joined to it",
        "    do: run 06 again",
    ]
    gates.may_go(Plan(), "configure_bridges", "box")


def test_a_check_without_a_next_move_gives_one():
    """Where a finding names no next move, the error still does."""
    with pytest.raises(CheckFailed, match="do: look at the host, then run again"):
        gates.passes(TWO[2:], "prove_bridges", "box")


def test_what_is_left_to_do_is_named():
    """A plan that still has actions after all was done says which."""
    left = Plan((Run(("true",), "switch the light on"),))
    with pytest.raises(CheckFailed, match="still to do: run true"):
        gates.is_done(left, "turn_on ran and is still not done", "box")
    gates.is_done(Plan(), "turn_on ran and is still not done", "box")
