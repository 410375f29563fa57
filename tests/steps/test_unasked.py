"""Of what nobody asked for a step names the parameter that would ask; it is not called right already."""

from __future__ import annotations

import re

import pytest

from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.show import steps as views
from runbook.steps import name_of, notebooks
from tests.steps import fresh

MINIMAL = HostParams.model_validate({"host": "testbed", "connection": {"kind": "local"}})
STEPS = [step for steps in notebooks().values() for step in steps]
UNASKED = {
    name_of(step): planned.unasked
    for step in STEPS
    if {ask.key for ask in step.asks(MINIMAL)} <= set(fresh._first())
    and (planned := step.plan(MINIMAL, fresh.of(step, MINIMAL))).unasked
}


def test_of_a_minimal_file_most_steps_are_not_asked():
    """The tests below look at many steps, and at those that would be the worst to call right."""
    assert len(UNASKED) >= 25
    assert UNASKED.keys() >= {
        "partition_disk",
        "install_base",
        "build_kernel",
        "build_xen",
        "restore_volumes",
    }


@pytest.mark.parametrize("name", UNASKED)
def test_the_parameter_that_would_ask_is_one(name):
    """Some word of the reason is the path of a parameter, so that a person finds what to set."""
    words = re.findall(r"[a-z_]+(?:\.[a-z_]+)*", UNASKED[name])
    assert any(_is_parameter(word) for word in words) or "guest" in UNASKED[name], UNASKED[name]


def _is_parameter(path: str) -> bool:
    here = MINIMAL
    for part in path.split("."):
        if part not in getattr(type(here), "model_fields", ()):
            return False
        here = getattr(here, part)
    return True


def test_what_is_said_of_a_step_that_did_nothing():
    """Not asked for, right already, or something to read: each only where it is true."""
    warning = Finding("warn", "look at it")
    assert views.unchanged(Plan(), []) == "it was right already"
    assert (
        views.unchanged(Plan(unasked="kernel.build is false"), [warning])
        == "not asked for: kernel.build is false"
    )
    assert (
        views.unchanged(Plan(findings=(warning,)), [warning]) == "nothing had to be done; 1 warning to read"
    )
