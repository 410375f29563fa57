"""Ten mistakes, planted in the capture of a host: where each is found first, and that nothing before says a word of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from runbook.captures import seen
from runbook.engine import gates
from runbook.errors import Refused, RunbookError
from runbook.facts import system
from runbook.hosts import capture
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams
from runbook.rehearsal import described, looked
from runbook.steps import notebooks, steps_of
from tests.captures.hosts import Toy
from tests.rehearsal.mistakes import MISTAKES, Answers, Mistake
from tests.rehearsal.test_described import KVM

PARAMS = seen.own_params(KVM)
STOPS = ("refuse", "fail", "raise")
Found = dict[str, list[tuple[str, str]]]


@cache
def answers() -> Answers:
    return dict(capture.load(KVM).answers)


def plans(params: HostParams, said: Answers) -> Found:
    """Return what each step's plan finds, with its level."""
    machine, found = Toy(said), dict[str, list[tuple[str, str]]]()
    for notebook in notebooks():
        for name, step in steps_of(notebook, params.release).items():
            try:
                findings = step.plan(params, machine.gather(step.asks(params))).findings
                found[name] = [(f.level, f.what) for f in findings]
            except RunbookError as error:
                found[name] = [("raise", str(error))]
    return found


@cache
def without() -> Found:
    """Return what is found where no mistake was planted."""
    return plans(PARAMS, answers())


def planted(mistake: Mistake) -> tuple[dict[str, Any], Answers]:
    values, said = PARAMS.model_dump(mode="json", exclude_unset=True), dict(answers())
    mistake.params(values)
    mistake.answers(said)
    return values, said


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.what)
def test_a_mistake_is_found_where_the_table_says(mistake: Mistake) -> None:
    """By the file, when the host is opened, by a plan at that step in those words; or not at all before the virtual PC."""
    values, said = planted(mistake)
    assert (values, said) != (PARAMS.model_dump(mode="json", exclude_unset=True), answers()), (
        "nothing was planted"
    )
    if mistake.found == "parameters":
        with pytest.raises(ValueError, match=mistake.words):
            HostParams.model_validate(values)
        return
    params = HostParams.model_validate(values)
    machine = Toy({**said, Ask.run("id", "-u"): Answer(0, "0\n")})
    now = system.parse(machine.gather(system.COMMANDS))
    if mistake.found == "open":
        with pytest.raises(Refused, match=mistake.words):
            gates.require_usable(machine, params, now, "06_xen_configuration", plans_only=False)
        return
    gates.require_usable(machine, params, now, "06_xen_configuration", plans_only=False)
    new = {
        name: [f for f in found if f[0] in STOPS and f not in without().get(name, [])]
        for name, found in plans(params, said).items()
    }
    if mistake.found == "described":
        looks = {ask: Answer(MISSING if ask.kind == "read" else 127) for ask in looked.asks(params)}
        twin = described.describe(Facts(looks | said), params)
        assert [clause for clause in twin.unlike if mistake.words in clause]
    if mistake.found == "plan":
        assert any(mistake.words in what for _, what in new[mistake.step]), new
    else:
        assert {name: found for name, found in new.items() if found} == {}


def test_ten_mistakes_and_the_steps_that_there_are() -> None:
    """Each is of a step, and said to be found at one place."""
    known = {name for book in notebooks() for name in steps_of(book, PARAMS.release)}
    assert len(MISTAKES) == 10
    assert {m.step for m in MISTAKES} <= known
    assert {m.found for m in MISTAKES} == {"parameters", "open", "plan", "described", "rehearsal"}
