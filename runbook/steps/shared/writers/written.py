"""What a writer of bridges is, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from runbook.actions import NetworkFile
from runbook.actions.network import Manager
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared.kept import Held


@dataclass(frozen=True)
class Written:
    """The files that the bridges stand in, as they shall be."""

    files: tuple[NetworkFile, ...] = ()
    """All of them, changed or not: what is right already may still have to be put in force."""
    findings: tuple[Finding, ...] = ()
    """What becomes of what is there: what gives way, and what cannot be placed."""
    dangers: tuple[Finding, ...] = ()
    """What stands in the way of putting the files in force; where they are in force already, nobody asks."""
    gateways: frozenset[str] = frozenset()
    """The bridges of the parameters that have a default route by these files."""
    others: frozenset[str] = frozenset()
    """The interfaces that the same manager brings up besides, such as a VLAN on a port."""
    holds: Mapping[str, Held] = field(default_factory=dict)
    """What the files give each bridge, by its name: all that its ports have in force must be in it."""
    links: tuple[str, ...] = ()
    """As `ReplaceNetwork` has them, like the fields below: what the manager needs to be told besides the files."""
    made: tuple[str, ...] = ()
    unmade: tuple[str, ...] = ()
    up: tuple[str, ...] = ()
    up_before: tuple[str, ...] = ()

    def changes(self, facts: Facts) -> tuple[NetworkFile, ...]:
        """Return the files that are not yet as they shall be."""
        return tuple(file for file in self.files if facts.text(file.path) != file.content)


class Writer(Protocol):
    """A module that writes for one manager of networks."""

    MANAGER: Manager
    """It knows how this manager puts its files in force."""

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        """Return what has to be known of the host."""

    def write(self, params: HostParams, facts: Facts) -> Written:
        """Return the files with the bridges of the parameters; what is there is kept, or a finding stops the plan."""
