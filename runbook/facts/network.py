"""Network interfaces, bridges and their ports, routes, the way this session came in, and what each card carries."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from runbook.facts import network_ways
from runbook.facts.pci import bdfs_in
from runbook.facts.routes import Route
from runbook.facts.routes import routes as table_of
from runbook.model.ask import Ask, Facts

_ADDR = Ask.run("ip", "-j", "addr")
_ROUTE = Ask.run("ip", "-j", "route")
_SESSION = Ask.run("printenv", "SSH_CONNECTION")
_LINKS = Ask.shell(
    "find /sys/class/net/ /sys/class/net/*/ -maxdepth 1"
    " \\( -name bridge -o -type l ! -path '/sys/class/net/*/*' \\) -printf '%p %l\\n'; true"
)

COMMANDS = (_ADDR, _ROUTE, _SESSION, _LINKS)

ROUTE6 = Ask.run("ip", "-j", "-6", "route")
# Comments and empty lines are left out; `nic-CARD` and `plugin …pppoe.so CARD` are what name a card (pppd(8)).
PPPOE = Ask.shell(
    "cat /proc/net/pppoe 2>/dev/null;"
    " grep -rHsE '^[[:space:]]*(nic-|plugin[[:space:]]+[^[:space:]]*pppoe\\.so[[:space:]])' /etc/ppp/peers; true"
)

MORE = (ROUTE6, PPPOE)
"""What shows on which card a connection runs that `ip` does not tell of, for whoever may give a card away."""


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
    link_type: str = "ether"
    """What frames it takes: `ether`, `loopback`, `ppp`, or `none` for tunnels such as WireGuard's."""
    is_bond: bool = False
    leased: frozenset[str] = frozenset()
    """Those of its addresses that end some time: leased, or announced by a router."""
    path: tuple[str, ...] = field(default=(), compare=False)
    """Every PCI address on its way to the processor, outermost first; the card's own is the last."""
    is_virtual: bool = field(default=False, compare=False)
    """True for what is known to be no device: a bridge, a VLAN, a tunnel."""
    permanent_mac: str = field(default="", compare=False)
    """The card's own address where it has another one now, as a bond's members have."""
    more_names: tuple[str, ...] = field(default=(), compare=False)
    """What udev calls it besides, such as `enp0s31f6` of an `eno1`."""


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
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each interface the networks behind it that somebody set a route to, the default ones left out."""
    pppoe: tuple[tuple[str, str], ...] = ()
    """Name of each PPPoE connection, '' where only the kernel knows of it, and its card; none where nobody asked."""
    default_routes6: tuple[str, ...] = ()
    """Interfaces that carry a default route of IPv6; none where nobody asked."""
    is_session6: bool = False
    """True when the ssh session came in by IPv6."""
    table: tuple[Route, ...] = ()
    """The main routing table of IPv4, and of IPv6 where that was asked."""
    is_session_inside: bool = False
    """True when the ssh session came from this host itself."""
    remotes: tuple[tuple[str, str], ...] = ()
    """What dom0 has mounted over the network, in words, and the interface that leads there (`survey.remotes`)."""

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
        """Return in words what dom0 does over the interfaces that need a PCI device, worst first."""
        return self._uses.get(bdf, ())

    @cached_property
    def unseen(self) -> tuple[str, ...]:
        """What dom0 needs and no card is seen to carry, in words: then any card may."""
        return network_ways.unseen(self)

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
        for what, name in network_ways.uses(self):
            card = self._by_name[name]
            for bdf in card.path or (card.controller,):
                found[bdf][what] = None
        return {bdf: tuple(uses) for bdf, uses in found.items()}


def parse(facts: Facts) -> Network:
    """Return the network of the facts.

    >>> session_address("10.0.2.2 51234 10.0.2.15 22")
    '10.0.2.15'
    """
    links = [line.split(" ", 1) for line in facts[_LINKS].out.splitlines() if " " in line]
    devices = {path.rpartition("/")[2]: link for path, link in links if link}
    bridges = {path.split("/")[4] for path, link in links if not link}
    rows = json.loads(facts[_ADDR].out or "[]")
    interfaces = tuple(_interface(row, devices, bridges) for row in rows if row.get("ifname"))
    address, link = session_address(facts[_SESSION].out), session_link(facts[_SESSION].out)
    routes = json.loads(facts[_ROUTE].out or "[]")
    best = min((r.get("metric", 0) for r in routes if r.get("dst") == "default"), default=0)
    return Network(
        interfaces=interfaces,
        default_routes=default_routes(routes),
        rival_routes=default_routes([r for r in routes if r.get("metric", 0) == best]),
        session=next(
            (
                i.name
                for i in interfaces
                if address in {a.partition("/")[0] for a in i.addresses} and link in ("", i.name)
            ),
            "",
        ),
        routes=_set_routes(routes),
        pppoe=pppoe_cards(facts[PPPOE].out) if PPPOE in facts else (),
        default_routes6=default_routes(_rows(facts, ROUTE6)) if ROUTE6 in facts else (),
        is_session6=":" in address,
        table=(*table_of(routes, 4), *(table_of(_rows(facts, ROUTE6), 6) if ROUTE6 in facts else ())),
        is_session_inside=address.startswith("127.") or address == "::1",
    )


def _rows(facts: Facts, ask: Ask) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(facts[ask].out or "[]")
    return rows


def _set_routes(rows: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the networks behind each interface; what the kernel makes of an address is no route of somebody's."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.get("dst") not in ("default", None) and row.get("protocol") != "kernel" and "dev" in row:
            found[row["dev"]].append(row["dst"])
    return {name: tuple(networks) for name, networks in found.items()}


def _interface(row: dict[str, Any], links: dict[str, str], bridges: set[str]) -> Interface:
    name = row["ifname"]
    path = bdfs_in(links.get(name, ""))
    infos = [info for info in row.get("addr_info", []) if "local" in info]
    return Interface(
        name=name,
        mac=row.get("address", ""),
        addresses=tuple(f"{info['local']}/{info['prefixlen']}" for info in infos),
        master=row.get("master", ""),
        parent=row.get("link") or "",
        is_up="UP" in row.get("flags", []),
        is_bridge=name in bridges,
        controller=path[-1] if path else "",
        link_type=row.get("link_type", "ether"),
        is_bond="MASTER" in row.get("flags", []),
        leased=frozenset(f"{info['local']}/{info['prefixlen']}" for info in infos if info.get("dynamic")),
        path=path,
        is_virtual="/devices/virtual/" in links.get(name, ""),
        permanent_mac=row.get("permaddr", ""),
        more_names=tuple(row.get("altnames", ())),
    )


def session_port(facts: Facts) -> int:
    """Return the port of the host that the ssh session came in by, 0 when there is no such session."""
    words = facts[_SESSION].out.split()
    return int(words[3]) if len(words) == 4 and words[3].isdecimal() else 0


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


def session_link(text: str) -> str:
    """Return the interface that SSH_CONNECTION names behind a link-local address, '' where it names none.

    A bond and the VLANs on it have one hardware address, so they have one link-local address as well (RFC 4007, 11).

    >>> session_link("fe80::1%bond0.20 58564 fe80::5054:ff:fe13:3%bond0.20 22")
    'bond0.20'
    """
    words = text.split()
    return words[2].partition("%")[2] if len(words) == 4 else ""


def pppoe_cards(text: str) -> tuple[tuple[str, str], ...]:
    r"""Return the PPPoE connections and the card of each, from lines of /proc/net/pppoe and of pppd's peers.

    The kernel's table names the card alone; a peer's file names it behind `plugin rp-pppoe.so` or as `nic-CARD` (pppd(8)).

    >>> pppoe_cards("00000002 02:00:5e:10:00:01 enp1s0\n/etc/ppp/peers/dsl-provider:plugin rp-pppoe.so enp1s0\n")
    (('', 'enp1s0'), ('dsl-provider', 'enp1s0'))
    """
    kernel = re.findall(r"(?m)^[0-9A-Fa-f]{8}\s+(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\s+(\S+)\s*$", text)
    peers = re.findall(
        r"(?m)^/etc/ppp/peers/([^:\n]+):\s*(?:plugin\s+\S*pppoe\.so\s+)?(?:nic-)?([A-Za-z]\S*)\s*$", text
    )
    return tuple(dict.fromkeys([*(("", card) for card in kernel), *((name, card) for name, card in peers)]))
