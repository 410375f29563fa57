"""The way out of a machine: by which interface it is reached, and whether a bridge can take its place."""

from __future__ import annotations

from runbook.facts import network_ways
from runbook.facts.network import Interface, Network
from runbook.survey.machine import Machine


def is_by_session(net: Network) -> bool:
    """Return whether this session came in over a card; what came through a tunnel says nothing about it."""
    return bool(net.session and net.cards_below(net.session))


def out(net: Network) -> str:
    """Return the interface of the session, else of a default route of either family, else the one that has an address.

    '' where there is none of them. An interface that ends on a card goes before a tunnel.
    """
    routes = (*net.default_routes, *net.default_routes6)
    named = [*([net.session] if net.session else []), *routes]
    addressed = [
        i.name for i in net.interfaces if net.cards_below(i.name) and any(map(_is_wide, i.addresses))
    ]
    on_cards = [name for name in named if net.cards_below(name)]
    # A tunnel that carries the default route is the way out, whatever cards are there.
    if routes and not any(net.cards_below(name) for name in routes) and not is_by_session(net):
        return routes[0]
    return next(iter((*on_cards, *named, *addressed)), "")


def _is_wide(address: str) -> bool:
    return not address.startswith(("fe80:", "127.", "::1/", "169.254."))


def is_wired(machine: Machine, card: Interface) -> bool:
    """True for an Ethernet card (PCI class 0200); a bridge takes no wireless one."""
    device = machine.device(card.controller)
    return device is not None and device.class_code.startswith("0200") and not card.name.startswith("wl")


def kind(net: Network, name: str) -> str:
    """Return what stands as port of a bridge where it is not a card itself; '' for a card."""
    interface = net.interface(name)
    if interface is None or interface.controller:
        return ""
    below = ", ".join(net.cards_below(name))
    return f"the VLAN on {interface.parent}" if interface.parent else f"the bond of {below}"


def no_bridge(machine: Machine, way: str) -> str:
    """Return why no bridge can stand on the way out, as the end of a sentence; '' where one can.

    All of these can still serve guests by a bridge without a port that the host routes for.
    """
    net = machine.network
    interface = net.interface(way)
    if interface is None:
        return (
            "no way out was seen: no ssh session over a card, no default route, and no card with an address"
        )
    if network_ways.is_of_open_vswitch(net, interface):
        return (
            f"{way} is Open vSwitch's, which makes its bridges itself: a guest gets onto it by "
            f"`nics: [{{bridge: {way}, script: vif-openvswitch}}]`"
        )
    cards = [card for name in net.cards_below(way) if (card := net.interface(name))]
    if way.startswith("ppp"):
        on = ", ".join(dict.fromkeys(card for _, card in net.pppoe)) or "a modem"
        return f"{way} is a PPP connection over {on}: its address belongs to that connection, and no bridge can have it"
    if not cards and way.startswith("wl"):  # on the bus of a tablet's chip, which is no PCI device
        return _wireless(way)
    if not cards:
        return f"{way} is no Ethernet, and stands on no card that is seen: a tunnel or a modem cannot be a bridge's port"
    for card in cards:
        device = machine.device(card.controller)
        if card.name.startswith("wl") or (device and device.class_code.startswith("0280")):
            return _wireless(card.name)
        if not is_wired(machine, card):
            return (
                f"{card.name} is no Ethernet card in a slot ({card.controller}): a card on USB is pulled as easily as "
                "it is plugged in, and a modem gives out one address"
            )
    return ""


def _wireless(name: str) -> str:
    return (
        f"{name} is a wireless card: an access point takes one address a station, so guests behind a bridge on it "
        "would get no answer"
    )
