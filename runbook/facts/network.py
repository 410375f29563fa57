"""Network interfaces, bridges and their ports, the default route, and the way this session came in."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runbook.facts.pci import last_bdf
from runbook.model.ask import Ask, Facts

_ADDR = Ask.run("ip", "-j", "addr")
_ROUTE = Ask.run("ip", "-j", "route")
_SESSION = Ask.run("printenv", "SSH_CONNECTION")
_LINKS = Ask.shell(
    "find /sys/class/net/ /sys/class/net/*/ -maxdepth 1"
    " \\( -name bridge -o -type l ! -path '/sys/class/net/*/*' \\) -printf '%p %l\\n'; true"
)

COMMANDS = (_ADDR, _ROUTE, _SESSION, _LINKS)


@dataclass(frozen=True)
class Interface:
    """One network interface."""

    name: str
    mac: str
    addresses: tuple[str, ...]
    """IPv4 and IPv6 addresses with their prefix, such as `10.0.2.15/24`."""
    master: str
    """The bridge or bond it is a port of, or ''."""
    parent: str
    """The interface that a VLAN stands on, or ''."""
    is_up: bool
    is_bridge: bool
    controller: str
    """The PCI address of the card, '' for a virtual interface."""


@dataclass(frozen=True)
class Network:
    """The network of the host."""

    interfaces: tuple[Interface, ...]
    default_routes: tuple[str, ...]
    """Interfaces that carry a default route."""
    rival_routes: tuple[str, ...]
    """Those of them that none of the others goes before, by its metric: one, or which of them is taken is chance."""
    session: str
    """The interface that the ssh session reached, '' when there is no such session."""

    def interface(self, name: str) -> Interface | None:
        """Return the interface of a name, None when there is none."""
        return self._by_name.get(name)

    def ports(self, bridge: str) -> tuple[str, ...]:
        """Return the names of a bridge's (or bond's) ports, sorted."""
        return self._ports.get(bridge, ())

    def bridges(self) -> dict[str, tuple[str, ...]]:
        """Return the ports of each bridge."""
        return {i.name: self.ports(i.name) for i in self.interfaces if i.is_bridge}

    def cards_below(self, name: str) -> tuple[str, ...]:
        """Return the real cards that an interface ends on: through bridges, bonds and VLANs."""
        found: set[str] = set()
        todo, seen = [name], set[str]()
        while todo:
            this = self.interface(todo.pop())
            if this is None or this.name in seen:
                continue
            seen.add(this.name)
            if this.controller:
                found.add(this.name)
            todo += [*self.ports(this.name), *([this.parent] if this.parent else [])]
        return tuple(sorted(found))

    def uses_of(self, bdf: str) -> tuple[str, ...]:
        """Return in words what dom0 does over the interfaces of a PCI device, worst first."""
        return self._uses.get(bdf, ())

    @cached_property
    def _by_name(self) -> dict[str, Interface]:
        return {i.name: i for i in reversed(self.interfaces)}

    @cached_property
    def _ports(self) -> dict[str, tuple[str, ...]]:
        """The sorted ports of each master."""
        found: dict[str, list[str]] = defaultdict(list)
        for i in self.interfaces:
            found[i.master].append(i.name)
        return {master: tuple(sorted(ports)) for master, ports in found.items()}

    @cached_property
    def _uses(self) -> dict[str, tuple[str, ...]]:
        """What each PCI device carries, in words, worst first."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        ways = [("this ssh session", self.session), *(("the default route", r) for r in self.default_routes)]
        ways += [(f"a port of the bridge {bridge}", bridge) for bridge in self.bridges()]
        for what, name in ways:
            for card in self.cards_below(name):
                found[self._by_name[card].controller][f"{what} ({card})"] = None
        return {bdf: tuple(uses) for bdf, uses in found.items()}


def parse(facts: Facts) -> Network:
    """Return the network of the facts.

    >>> session_address("10.0.2.2 51234 10.0.2.15 22")
    '10.0.2.15'
    """
    links = [line.split(" ", 1) for line in facts[_LINKS].out.splitlines() if " " in line]
    cards = {path.rpartition("/")[2]: last_bdf(link) for path, link in links if link}
    bridges = {path.split("/")[4] for path, link in links if not link}
    rows = json.loads(facts[_ADDR].out or "[]")
    interfaces = tuple(_interface(row, cards, bridges) for row in rows if row.get("ifname"))
    address = session_address(facts[_SESSION].out)
    routes = json.loads(facts[_ROUTE].out or "[]")
    best = min((r.get("metric", 0) for r in routes if r.get("dst") == "default"), default=0)
    return Network(
        interfaces=interfaces,
        default_routes=default_routes(routes),
        rival_routes=default_routes([r for r in routes if r.get("metric", 0) == best]),
        session=next(
            (i.name for i in interfaces if address in {a.partition("/")[0] for a in i.addresses}), ""
        ),
    )


def _interface(row: dict[str, Any], cards: dict[str, str], bridges: set[str]) -> Interface:
    name = row["ifname"]
    return Interface(
        name=name,
        mac=row.get("address", ""),
        addresses=tuple(
            f"{info['local']}/{info['prefixlen']}" for info in row.get("addr_info", []) if "local" in info
        ),
        master=row.get("master", ""),
        parent=row.get("link") or "",
        is_up="UP" in row.get("flags", []),
        is_bridge=name in bridges,
        controller=cards.get(name, ""),
    )


def default_routes(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the interfaces of the default routes, those of a multipath route too, in their order.

    >>> default_routes([{"dst": "default", "gateway": "10.0.2.2", "dev": "enp0s3"}, {"dst": "10.0.2.0/24"}])
    ('enp0s3',)
    """
    hops = [hop for row in rows if row.get("dst") == "default" for hop in (row, *row.get("nexthops", ()))]
    return tuple(dict.fromkeys(hop["dev"] for hop in hops if "dev" in hop))


def session_address(text: str) -> str:
    """Return the host's own address from SSH_CONNECTION (ssh(1)), '' when there is none."""
    words = text.split()
    return words[2].partition("%")[0] if len(words) == 4 else ""
