"""Bridges for a machine: those that it has, by their own names; else one on the card that is its way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from runbook.facts.network import Interface, Network
from runbook.model.ask import Ask, Facts
from runbook.params import host as params
from runbook.proposal import addresses, ways
from runbook.survey.machine import Machine

NAMES = ("xenbr0", "xenbr1")
_OTHERS = re.compile(r"(docker\d+|br-[0-9a-f]{12}|virbr\d+|lxcbr\d+|lxdbr\d+|incusbr\d+|cni\d+|podman\d+)")
"""Bridges that Docker, libvirt, LXC and their like make and take away by themselves."""
_WHERE = (
    "/etc/network/interfaces", "/etc/network/interfaces.d", "/etc/netplan", "/etc/systemd/network",
    "/etc/NetworkManager/system-connections", "/etc/ppp/peers",
)  # fmt: skip
CONFIGURED = Ask.shell(
    "for p in /sys/class/net/*/device /sys/class/net/*/bridge; do n=${p%/*}; n=${n##*/};"
    f' grep -rlswF -e "$n" {" ".join(_WHERE)} | while read -r f; do echo "$n $f"; done; done; true'
)
"""Which cards and bridges some file of a network manager names: what sleeps now may have its address at the next start."""


@dataclass(frozen=True)
class Bridge:
    """One suggested bridge."""

    name: str
    ports: tuple[str, ...]
    """Cards, bonds or VLANs of the host; a guest's end of a cable is none."""
    controllers: tuple[str, ...]
    """The PCI addresses of the cards below its ports."""
    ipv4: str
    """`keep`, or `none` for a card that has nothing to keep; an address for a bridge without a card."""
    why: str
    nat: bool = False
    """True for a bridge without a card, whose guests the host leads out."""


@dataclass(frozen=True)
class Cards:
    """What a machine's network cards are suggested for."""

    bridges: tuple[Bridge, ...]
    no_way: str
    """Why no bridge is suggested on the way out, in words; '' where one is."""
    staying: dict[str, str]
    """For each card that stays as it is the reason, in words; by PCI address."""
    of_others: tuple[str, ...] = ()
    """Bridges that some program made, and no file of a network manager: they are that program's."""


def read(machine: Machine, facts: Facts, chosen: frozenset[str] = frozenset()) -> Cards:
    """Return the bridges that are there, the outside one where none is, and an inside one on a card without any use.

    Where Xen runs already there is no inside one: what `new` writes is to change nothing.

    `chosen` are the addresses that a guest is to have: their cards are no ports.
    """
    net, named = machine.network, _configured(facts)
    bridges = [*_there(machine, facts)]
    of_others = tuple(b.name for b in bridges if _is_of_others(b, machine, facts))
    bridges = [b for b in bridges if b.name not in of_others]
    outside, no_way = _outside(machine, facts, bridges)
    bridges += [outside] if outside else []
    idle = [c for c in _wired(machine) if not net.uses_of(c.controller) and c.name not in named]
    idle = [c for c in idle if c.controller not in chosen]
    if (
        bridges
        and not no_way
        and not net.unseen
        and not machine.system.is_dom0  # its owner has given its guests their bridges
        and idle
        and NAMES[1] not in {b.name for b in bridges}
        and not _inside(bridges)
    ):
        why = "the inside: guests, and what hangs on a card that nothing uses now"
        bridges.append(Bridge(NAMES[1], (idle[0].name,), (idle[0].controller,), "none", why))
    on_bridges = {c for b in bridges for c in b.controllers}
    staying = {
        c.controller: f"{c.name} is configured in {named[c.name]}, though it has nothing to do now"
        for c in _wired(machine)
        if c.name in named and c.controller not in on_bridges and not net.uses_of(c.controller)
    }
    bad = next((b for b in bridges if not _can_be(b)), None)
    if bad is not None:
        return Cards((), f"{bad.name} and {', '.join(bad.ports)} are no names that a bridge and its ports can have in this file", staying)  # fmt: skip
    return Cards(tuple(bridges), no_way, staying, of_others)


def _is_of_others(bridge: Bridge, machine: Machine, facts: Facts) -> bool:
    """Return whether a bridge is nothing that a file of a network manager makes, and not the way out.

    What Docker or a script made would be written into such a file, and have two masters.
    """
    is_named = CONFIGURED not in facts or bridge.name in _configured(facts)
    way = {*machine.network.cards_below(ways.out(machine.network))}
    return not is_named and not way & {*machine.network.cards_below(bridge.name)}


def _inside(bridges: list[Bridge]) -> bool:
    """Return whether there are an outside and another bridge already."""
    return len(bridges) > 1


def _there(machine: Machine, facts: Facts) -> Iterator[Bridge]:
    """Yield the host's own bridges by their own names: what they have, they keep."""
    net = machine.network
    way = ways.out(net)
    for interface in net.interfaces:
        if not interface.is_bridge or _OTHERS.fullmatch(interface.name):
            continue
        ports = tuple(port for port in net.ports(interface.name) if net.cards_below(port))
        is_out = bool(way) and bool({*net.cards_below(way)} & {*net.cards_below(interface.name)})
        what = f"{_reached(machine)} by it" if is_out else "guests can be on it"
        why = f"it is there, and {what}; {addresses.kept(facts, interface.name)}"
        yield Bridge(interface.name, ports, _controllers(net, ports), "keep", why)


def _outside(machine: Machine, facts: Facts, there: list[Bridge]) -> tuple[Bridge | None, str]:
    """Return the bridge to make on the way out, or why there can be none; neither where it is on a bridge already."""
    net = machine.network
    way = ways.out(net)
    controllers = _controllers(net, (way,))
    if controllers and any({*controllers} & {*b.controllers} for b in there):
        return None, ""
    if why := ways.no_bridge(machine, way):
        return _routed(net, way, there), why
    name = next((n for n in NAMES if n not in {b.name for b in there}), "")
    if not name:
        return None, f"the names {' and '.join(NAMES)} are taken by bridges that are not on {way}"
    kind = ways.kind(net, way)
    as_what = f" as {kind}" if kind else ""
    why = f"the outside: {_reached(machine)} by it{as_what}; {addresses.kept(facts, way)}"
    return Bridge(name, (way,), controllers, "keep", why), ""


def _routed(net: Network, way: str, there: list[Bridge]) -> Bridge | None:
    """Return a bridge without a card, whose guests the host leads out; none where there is no way out at all."""
    name = next((n for n in NAMES if n not in {i.name for i in net.interfaces}), "")
    address = addresses.free(net)
    if net.interface(way) is None or not name or not address or there:
        return None
    return Bridge(
        name, (), (), address, "guests have a network of their own, and this host leads them out", nat=True
    )


def _wired(machine: Machine) -> list[Interface]:
    found = (i for i in machine.network.interfaces if i.controller and ways.is_wired(machine, i))
    return sorted(found, key=lambda i: i.controller)


def _controllers(net: Network, names: tuple[str, ...]) -> tuple[str, ...]:
    cards = [net.interface(card) for name in names for card in net.cards_below(name)]
    return tuple(dict.fromkeys(card.controller for card in cards if card))


def _configured(facts: Facts) -> dict[str, str]:
    """Return for each card the first file that names it, none where nobody asked."""
    rows = (line.partition(" ") for line in facts[CONFIGURED].out.splitlines()) if CONFIGURED in facts else ()
    found: dict[str, str] = {}
    for name, _, path in rows:
        found.setdefault(name, path)
    return found


def _can_be(bridge: Bridge) -> bool:
    """Return whether parameters take a bridge: the machine may say anything."""
    try:
        params.Bridge(name=bridge.name, ports=bridge.ports, ipv4=bridge.ipv4, nat=bridge.nat)
    except ValidationError:
        return False
    return not {*bridge.ports} & {*NAMES}


def _reached(machine: Machine) -> str:
    net = machine.network
    if ways.is_by_session(net):
        return "this session came in"
    return (
        "the default route goes out"
        if net.default_routes or net.default_routes6
        else "the machine is reached"
    )
