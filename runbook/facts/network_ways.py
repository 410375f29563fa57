"""What each card carries: sessions, default routes, addresses, what stands on it; and what no card is seen to carry."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runbook.facts.network import Interface, Network

OPEN_VSWITCH = "ovs-system"
"""What the kernel names as master of every port of Open vSwitch; the bridges of it are masters of none."""
_NOWHERE = ("lo", "dummy")
"""What leads to no card: addresses there are reached by whatever card a packet comes in."""


def carriers(network: Network, name: str) -> tuple[str, ...] | None:
    """Return the cards that an interface ends on, the only ones it can use; None where nobody can tell.

    Through bridges, bonds, VLANs and Open vSwitch, all of whose ports count; a tunnel does not say on what it runs.
    """
    found: dict[str, None] = {}
    todo, seen, is_known = [name], {name}, True
    while todo:
        this = network.interface(todo.pop())
        if this is None:
            is_known = False
            continue
        below = _below(network, this)
        if not this.is_virtual:
            found[this.name] = None
        elif not below and not this.is_bridge:
            is_known = False
        todo += [other for other in below if other not in seen]
        seen.update(below)
    return tuple(sorted(found)) if found or is_known else None


def _below(network: Network, interface: Interface) -> tuple[str, ...]:
    below = [*network.ports(interface.name), *([interface.parent] if interface.parent else [])]
    if not interface.is_virtual or below or interface.is_bridge:
        return tuple(below)
    if interface.link_type == "ppp":
        return tuple(card for _, card in network.pppoe)
    is_inside = (
        interface.link_type == "ether" and not interface.master and not interface.name.startswith(_NOWHERE)
    )
    return network.ports(OPEN_VSWITCH) if is_inside else ()


def is_of_open_vswitch(network: Network, interface: Interface) -> bool:
    """Return whether an interface is what Open vSwitch shows of a bridge of its own, or a port inside of one."""
    is_plain = interface.is_virtual and not (interface.is_bridge or interface.is_bond or interface.parent)
    return is_plain and network.ports(OPEN_VSWITCH) == _below(network, interface) != ()


def uses(network: Network) -> Iterator[tuple[str, str]]:
    """Yield each use in words, worst first, with the card; one use of several cards is several."""
    for what, name in _ways(network):
        for card in carriers(network, name) or ():
            yield f"{what} ({card})", card


def unseen(network: Network) -> tuple[str, ...]:
    """Return in words what dom0 needs of a network and no card is seen to carry."""
    needed = (way for way in _needed(network) if network.interface(way[1]) is not None)
    found = (f"{what} ({name})" for what, name in needed if carriers(network, name) is None)
    return tuple(dict.fromkeys(found))


def way_to(network: Network, address: str) -> str:
    """Return the interface by which an address is reached, by the main table and the networks of the host's own
    addresses; '' where neither says so."""
    to = _address(address)
    if to is None:
        return ""
    found = [
        (ipaddress.ip_interface(own).network, 0, interface.name)
        for interface in network.interfaces
        for own in interface.addresses
    ]
    for route in network.table:
        whole = "0.0.0.0/0" if route.version == 4 else "::/0"
        net = ipaddress.ip_network(whole if route.to == "default" else route.to, strict=False)
        found.append((net, route.metric, route.interface))
    fitting = [
        (-net.prefixlen, metric, name)
        for net, metric, name in found
        if net.version == to.version and to in net
    ]
    return min(fitting)[2] if fitting else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _needed(network: Network) -> Iterator[tuple[str, str]]:
    """Yield what dom0 cannot be without, with the interface that it is seen on."""
    if not network.is_session_inside:
        yield "this ssh session", network.session
    for name in (*network.default_routes, *network.default_routes6):
        yield "the default route", name
    yield from network.remotes


def _ways(network: Network) -> Iterator[tuple[str, str]]:
    """Yield each use in words, with the interface that it is seen on."""
    yield "this ssh session", network.session
    for name in (*network.default_routes, *network.default_routes6):
        yield "the default route", name
    yield from network.remotes
    for bridge in network.bridges():
        yield f"a port of the bridge {bridge}", bridge
    said = {network.session, *network.default_routes, *network.default_routes6, *network.bridges()}
    for interface in network.interfaces:
        yield from _parts(network, interface)
        if interface.name not in said:
            yield from _addresses(network, interface)


def _parts(network: Network, interface: Interface) -> Iterator[tuple[str, str]]:
    """Yield what an interface is a part of, or stands on."""
    master = network.interface(interface.master)
    if interface.master == OPEN_VSWITCH:
        yield "a port of Open vSwitch", interface.name
    elif master is not None and not master.is_bridge:
        yield f"a part of {master.name}", interface.name
    if interface.parent:
        yield f"{interface.name}, which stands on it", interface.parent
    for tunnel, card in network.pppoe:
        if card == interface.name:
            yield f"the PPPoE connection {tunnel}".rstrip(), card


def _addresses(network: Network, interface: Interface) -> Iterator[tuple[str, str]]:
    """Yield the first address that others reach, or the first route where there is no address."""
    address = next((a for a in interface.addresses if not a.startswith("fe80:")), "")
    routes = [
        *network.routes.get(interface.name, ()),
        *(r.to for r in network.table if r.interface == interface.name and r.is_set),
    ]
    if address:
        yield f"the address {address}" + _on(network, interface), interface.name
    elif routes:
        yield f"the route to {routes[0]}" + _on(network, interface), interface.name


def _on(network: Network, interface: Interface) -> str:
    return "" if network.cards_below(interface.name) == (interface.name,) else f" of {interface.name}"
