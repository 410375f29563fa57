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

    A metric may be another one, as NetworkManager numbers anew what is left; which way out goes first may not.
    """
    found = _other_way_out(before, after, bridges)
    for section in SECTIONS:
        names = {_plain(name) for name in after.sections.get(section, {})}
        if section == "firewall":
            # A rule may stand at another place of its chain, where one came before it.
            names = {_rule(name, line) for name, line in after.sections.get(section, {}).items()}
        for name, value in before.sections.get(section, {}).items():
            wanted = _rule(name, value) if section == "firewall" else moved(_plain(name), bridges)
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


def _plain(route: str) -> str:
    """Return a route without its metric; anything else as it is.

    >>> _plain("default via 10.0.2.2 dev enp0s3 proto dhcp metric 100")
    'default via 10.0.2.2 dev enp0s3 proto dhcp'
    """
    return re.sub(r" metric [0-9]+", "", route)


def _other_way_out(before: State, after: State, bridges: Mapping[str, str]) -> list[str]:
    """Return a line for each family whose packets went out another way first, where that way is still there."""
    found = []
    for family, version in ((".", "IPv4"), (":", "IPv6")):
        old = [moved(route, bridges) for route in _ways_out(before, family)]
        new = [route for route in _ways_out(after, family) if route in old]
        if new and old and old[0] in new and new[0] != old[0]:
            found.append(f"routes: the first way out by {version} was {old[0]}; it is {new[0]}")
    return found


def _ways_out(state: State, family: str) -> list[str]:
    """Return the default routes through a gateway of a family, the one that goes first in front, without metrics."""
    found = []
    for name in state.sections.get("routes", {}):
        route = re.match(r"default via (\S+) ", name)
        if route and family in route[1] and (family == ":" or ":" not in route[1]):
            metric = re.search(r" metric ([0-9]+)", name)
            found.append((int(metric[1]) if metric else 0, _plain(name)))
    return [name for _, name in sorted(found)]


def _rule(name: str, line: str) -> str:
    return f"{name.rpartition(' ')[0]} {line}".strip()
