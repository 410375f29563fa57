"""Who writes the bridges of the parameters: the manager that has their cards. No host is given another one.

A writer is a module with `MANAGER`, `PROGRAM`, `asks(params)` and `write(params, facts)`. A new one is named in `_EVERY`.
"""

from __future__ import annotations

from collections.abc import Mapping

from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers import ifupdown, netplan, network_manager, networkd
from runbook.steps.shared.writers.choice import COMMANDS, Choice, Share, by_manager
from runbook.steps.shared.writers.written import Writer, Written

__all__ = ["Choice", "Share", "Writer", "Written", "asks", "choose", "holds"]

_EVERY: tuple[Writer, ...] = (ifupdown, network_manager, networkd, netplan)


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions of all writers: which of them writes is known by the answers only."""
    return (*COMMANDS, *(ask for writer in _EVERY for ask in writer.asks(params)))


def choose(params: HostParams, facts: Facts) -> Choice:
    """Return who writes which of the bridges: the manager that has the bridge's ports now, or else the bridge itself.

    A bridge of which nobody has anything goes to the manager that has the others, or the card of the way out; where
    nobody has a card at all, to ifupdown if it is installed.
    """
    return by_manager(params, facts, {writer.MANAGER: writer for writer in _EVERY})


def holds(params: HostParams, facts: Facts) -> Mapping[str, Held]:
    """Return what the files of whoever writes it give each bridge, as they are once the plan is empty."""
    shares = choose(params, facts).shares
    return {name: held for s in shares for name, held in s.writer.write(s.params, facts).holds.items()}
