"""The steps, grouped by notebook. A step is a module with two pure functions.

A step module has

- `TITLE`: one line, in the imperative;
- `GUIDE`: the section of the 2013 guide and what it did there;
- `RISK`: `safe`, `disruptive` (reboot, network, boot menu) or `destructive` (overwrites a disk or volume);
- `asks(params) -> tuple[Ask, ...]`: every question whose answer `plan` or `check` reads;
- `plan(params, facts) -> Plan`: the actions that are still needed, none when the host is right;
- `check(params, facts) -> list[Finding]`: what is not right, none when all is well.

A folder here is a notebook's chapter; its `__init__` names the notebook and lists its steps in
order, each a module imported by its own name: that name is the step's name everywhere.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, cast

from runbook import guide, releases
from runbook.errors import ParamsError
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.model.unreadable import reading
from runbook.params import HostParams

CHAPTERS = (
    "introduction",
    "uefi",
    "debian_installation",
    "debian_configuration",
    "kernel",
    "xen_installation",
    "xen_configuration",
    "first_boot",
    "guests",
    "management",
    "references",
    "upgrades",
)


class Step(Protocol):
    """The shape of a step module."""

    __name__: str

    @property
    def TITLE(self) -> str: ...

    @property
    def GUIDE(self) -> str: ...

    @property
    def RISK(self) -> str: ...

    def asks(self, params: HostParams) -> tuple[Ask, ...]: ...

    def plan(self, params: HostParams, facts: Facts) -> Plan: ...

    def check(self, params: HostParams, facts: Facts) -> list[Finding]: ...


class Readable:
    """A step module whose `plan` and `check` raise `UnreadableAnswer` for an answer that cannot be understood."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self.__name__ = module.__name__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Readable) and other._module is self._module

    def __hash__(self) -> int:
        return hash(self._module)

    @reading()
    def plan(self, params: HostParams, facts: Facts) -> Plan:
        planned: Plan = self._module.plan(params, facts)
        return planned

    @reading()
    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        return list(self._module.check(params, facts))


def name_of(step: Step) -> str:
    """Return the name that a cell uses for a step."""
    return step.__name__.rpartition(".")[2]


def notebooks() -> dict[str, tuple[Step, ...]]:
    """Return the steps of every notebook, in the order in which they are run."""
    chapters: list[ModuleType] = [import_module(f"runbook.steps.{name}") for name in CHAPTERS]
    return {c.NOTEBOOK: cast("tuple[Step, ...]", tuple(map(Readable, c.STEPS))) for c in chapters}


def steps_of(notebook: str, release: str = "") -> dict[str, Step]:
    """Return the steps of one notebook by name; for the guide's own release, the guide's way of each.

    Raises `ParamsError` for a name that is no notebook.
    """
    known = notebooks()
    if notebook not in known:
        raise ParamsError(f"There is no notebook '{notebook}'", do="known are: " + ", ".join(known))
    found = {name_of(step): step for step in known[notebook]}
    if release and releases.get(release).reproduction:
        return cast("dict[str, Step]", guide.steps_of(found))
    return found
