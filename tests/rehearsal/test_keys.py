"""What a changed parameter touches: the first notebook that can read it, and never a later one than really does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from runbook.errors import RunbookError
from runbook.params import HostParams, load
from runbook.rehearsal import keys
from runbook.steps import notebooks, steps_of
from tests.captures.hosts import Toy, plain
from tests.recorded import ROOT

PARAMS = load(ROOT / "params/testbed.yml")
_READ: set[str] = set()


class Tracked(HostParams):
    """The parameters, which note what is read of them."""

    def __getattribute__(self, name: str) -> Any:
        if name in HostParams.model_fields:
            _READ.add(name)
        return super().__getattribute__(name)


@contextmanager
def reading() -> Iterator[HostParams]:
    values = {name: getattr(PARAMS, name) for name in HostParams.model_fields}
    found = Tracked.model_construct(**values)
    _READ.clear()
    yield found


@pytest.mark.parametrize("notebook", list(notebooks()))
def test_nothing_is_read_that_is_not_counted(notebook: str) -> None:
    """Each step asks, plans and checks on the recorded machine; what it reads of the parameters is known of its notebook."""
    machine = Toy(plain())
    with reading() as params:
        for step in steps_of(notebook, PARAMS.release).values():
            facts = machine.gather(step.asks(params))
            with suppress(RunbookError):
                step.plan(params, facts)
            with suppress(RunbookError):
                step.check(params, facts)
        read = set(_READ)
    assert read - keys._NOT_COUNTED <= keys.read_by(notebook)


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ({"management": {"backups": {"folder": "/srv/elsewhere"}}}, "09_management"),
        ({"services": {"watchdog_timeout_s": 99}}, "06_xen_configuration"),
        ({"configuration": {"domain": "other.example"}}, "03_debian_configuration"),
        ({"consent": ["undo"]}, ""),
        ({"connection": {"kind": "local"}}, ""),
    ],
)
def test_a_changed_parameter_touches_the_first_notebook_that_reads_it(
    change: dict[str, Any], touched: str
) -> None:
    """A second rehearsal begins there; who agrees, and how the host is reached, touch nothing."""
    values = PARAMS.model_dump(mode="json", exclude_unset=True)
    for key, value in change.items():
        values[key] = (
            {**values.get(key, {}), **value} if isinstance(value, dict) and key != "connection" else value
        )
    other = HostParams.model_validate(values)
    last = list(notebooks())[-1]
    assert keys.first_touched(keys.made_of(PARAMS, {}, last), keys.made_of(other, {}, last)) == touched
    assert keys.first_touched(keys.made_of(PARAMS, {}, last), keys.made_of(PARAMS, {}, last)) == ""


def test_another_machine_touches_all() -> None:
    """What was done on another base disk is of no use, whatever the parameters."""
    last = list(notebooks())[-1]
    before, now = (keys.made_of(PARAMS, {"base": name}, last) for name in ("base-1", "base-2"))
    assert keys.first_touched(before, now) == "base"
