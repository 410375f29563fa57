"""What the host has in force against what is written for its bridges: nothing of a port is dropped unsaid."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts.network import Interface, Network
from runbook.facts.routes import Route
from runbook.model.plan import Finding
from runbook.params.host import Bridge


@dataclass(frozen=True)
class Held:
    """What the files of a manager give one bridge."""

    addresses: frozenset[str] = frozenset()
    """With their prefix, such as `192.168.1.10/24`."""
    leases: frozenset[str] = frozenset()
    """`ipv4` where DHCP gives it an address, `ipv6` where routers or DHCP do."""
    named: frozenset[str] = frozenset()
    """Networks that it has routes to, and all addresses and networks that its hooks name."""


def unsaid(bridge: Bridge, now: Network, held: Held) -> Iterator[Finding]:
    """Yield a finding for each address and route of a port, or of the bridge, that no file gives the bridge.

    What was kept is refused: nobody said that it may go. What the parameters exchange is a loss.
    """
    for name in (*bridge.ports, bridge.name):
        interface = now.interface(name)
        if interface is None or interface.master not in ("", bridge.name):
            continue
        for address in _own(interface):
            if ":" not in address and bridge.ipv4 == "none":
                continue  # that is a danger, which is said by itself
            if not _is_held(address, interface, bridge, held):
                yield _address(bridge, interface, address, is_session=now.session == name)
        for route in now.table:
            if route.is_set and route.interface == name and not _is_named(route, held):
                yield _route(bridge, route, is_leased="ipv4" in held.leases and route.version == 4)


def not_in_force(bridge: Bridge, now: Network, held: Held) -> Iterator[Finding]:
    """Yield a finding for each address that a file gives a bridge and that it has not, and for what a port still has."""
    interface = now.interface(bridge.name)
    has = set(interface.addresses) if interface else set()
    for address in sorted(held.addresses - has - set(bridge.fixed)):
        yield _fail(
            f"{bridge.name} has not the address {address}", f"it has {', '.join(sorted(has)) or 'none'}"
        )
    if bridge.ipv4 == "keep" and "ipv4" in held.leases and not any(":" not in a for a in has):
        yield _fail(
            f"{bridge.name} got no address by DHCP", f"its ports are {', '.join(now.ports(bridge.name))}"
        )
    for port in bridge.ports:
        card = now.interface(port)
        if card and card.master == bridge.name and (left := _own(card)):
            yield _fail(
                f"{port} is a port of {bridge.name} and still has {', '.join(left)}",
                "what comes to it is the bridge's, so nothing is reached by that address",
            )


def _own(interface: Interface) -> list[str]:
    """Return the addresses that others reach an interface by."""
    return [a for a in interface.addresses if not ipaddress.ip_interface(a).is_link_local]


def _is_held(address: str, interface: Interface, bridge: Bridge, held: Held) -> bool:
    found = ipaddress.ip_interface(address)
    if {address, str(found.ip)} & (held.addresses | held.named):
        return True
    leased = address in interface.leased
    if found.version == 6:
        # What a router announced can be left from before a fixed address was set, and comes and goes with it.
        return leased and (bridge.ipv6 == "keep" or "ipv6" in held.leases)
    # Not every client tells the kernel how long a lease lasts.
    plain = [a for a in _own(interface) if ":" not in a and a not in held.addresses]
    return "ipv4" in held.leases and (leased or plain == [address])


def _is_named(route: Route, held: Held) -> bool:
    return bool({route.to, route.to.partition("/")[0]} & held.named)


def _address(bridge: Bridge, interface: Interface, address: str, *, is_session: bool) -> Finding:
    key = "ipv6" if ":" in address else "ipv4"
    value = bridge.ipv6 if key == "ipv6" else bridge.ipv4
    had = f"{interface.name} has it now" + (", and this session comes in by it" if is_session else "")
    if value == "keep":
        return Finding(
            "refuse",
            f"{bridge.name} would not have {address}",
            f"{had}, and no file that is read says so: what it got by hand, or from another program, a port loses",
            f"write it into the card's paragraph or file, or `more_addresses: [{address}]` for {bridge.name} in "
            "network.bridges; then run again",
            "H651",
        )
    return Finding(
        "loss",
        f"{bridge.name} would not have {address}",
        f"{had}, and network.bridges says `{key}: {value}`",
        f"leave `{key}` of {bridge.name} out of network.bridges, which keeps it, or write it there; to let it go, see "
        "that `connection.to` reaches what comes instead, and agree to this very plan",
        "H655",
    )


def _route(bridge: Bridge, route: Route, *, is_leased: bool) -> Finding:
    if is_leased:
        return Finding(
            "warn",
            f"The route to {route.to} by {route.interface} stands in no file that is read",
            f"if DHCP gives it, {bridge.name} gets it again; if somebody set it by hand, it would be gone",
            f"where it was set by hand, write `up ip route add {route.to} via {route.via or 'ROUTER'}` among the card's lines",
            "H651",
        )
    return Finding(
        "refuse",
        f"{bridge.name} would have no route to {route.to}",
        f"it goes over {route.interface} now, and no file that is read says so: it would be gone with the card's address",
        f"write it where the card's other lines stand, such as `up ip route add {route.to} via {route.via or 'ROUTER'}`; "
        "then run again",
        "H651",
    )


def _fail(what: str, why: str) -> Finding:
    do = "look at `ip addr`, `bridge link` and the log of what manages the network"
    return Finding("fail", what, why, do, "H652")
