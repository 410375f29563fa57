"""The plan of 06 on every machine of the corpus: what is offered can be hidden, what must stay cannot."""

from __future__ import annotations

import pytest

from tests.machines import hidden
from tests.machines.answers import seen, short
from tests.machines.form import machines

NAMES = tuple(m.name for m in machines())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_offered_can_be_hidden(name):
    """Hiding all that the survey offers is refused nowhere, and every address gets into the plan."""
    now = seen(name)
    offered = sorted(now.offered)
    plan = hidden.plan(now, *offered)
    assert [f.what for f in plan.findings if f.stops] == []
    written = plan.actions[0].content if offered else ""
    assert all(f"({bdf})" in written for bdf in offered)


@pytest.mark.parametrize("name", NAMES)
def test_what_must_stay_is_refused(name):
    """Hiding any one device that must stay is refused, and the refusal names it."""
    now = seen(name)
    for bdf in now.form.right.stay:
        if len(bdf) > 12:
            continue  # no parameter can name it
        stops = [f.what for f in hidden.plan(now, bdf).findings if f.stops]
        assert any(bdf in what for what in stops), short(bdf)
