"""Keep or refuse, on a machine: what its network was before the bridges, it must be behind them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping

from runbook.testbed.state import State

SECTIONS = ("addresses", "routes", "resolver", "firewall")


def lost(before: State, after: State, bridges: Mapping[str, str], agreed: Iterable[str] = ()) -> list[str]:
    """Return a line for each part of the network in force that is gone; more than there was may be there.

    `bridges` are the bridges by their ports: what was a port's is looked for at its bridge. `agreed` are patterns of
    `section:name` that may go.

    >>> old = State({"routes": {"default via 10.0.2.2 dev enp0s3": "there"}})
    >>> lost(old, State({"routes": {"default via 10.0.2.2 dev xenbr0": "there"}}), {"enp0s3": "xenbr0"})
    []
    >>> lost(old, State({"routes": {}}), {})
    ['routes: default via 10.0.2.2 dev enp0s3 is gone']
    """
    found = []
    for section in SECTIONS:
        names = set(after.sections.get(section, {}))
        if section == "firewall":
            # A rule may stand at another place of its chain, where one came before it.
            names = {_rule(name, line) for name, line in after.sections.get(section, {}).items()}
        for name, value in before.sections.get(section, {}).items():
            wanted = _rule(name, value) if section == "firewall" else moved(name, bridges)
            is_agreed = any(fnmatch.fnmatchcase(f"{section}:{name}", pattern) for pattern in agreed)
            if wanted not in names and not is_agreed:
                found.append(f"{section}: {name if section != 'firewall' else wanted} is gone")
    return found


def moved(name: str, bridges: Mapping[str, str]) -> str:
    """Return the name with each port in it replaced by its bridge; a VLAN of a port is not the port.

    >>> moved("10.30.0.0/24 dev enp0s4.30", {"enp0s4": "xenbr1"})
    '10.30.0.0/24 dev enp0s4.30'
    """
    for port, bridge in bridges.items():
        name = re.sub(rf"(?<![\w.-]){re.escape(port)}(?![\w.@-])", bridge, name)
    return name


def _rule(name: str, line: str) -> str:
    return f"{name.rpartition(' ')[0]} {line}".strip()
