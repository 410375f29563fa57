"""What could cut a host off when its network is rebuilt: each a reason to refuse, said beforehand."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from runbook.facts import network_ways
from runbook.facts.network import Interface, Network
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge

_SESSION = "this ssh session"


_WITHOUT = (
    "give the bridge no port, `ipv4: 192.168.150.1/24` (a network that nothing else has) and `nat: true`: the host "
    "leads its guests out then"
)


def find(
    params: HostParams,
    now: Network,
    wireless: Collection[str],
    others: Collection[str],
    gateways: Collection[str],
) -> list[Finding]:
    """Return every danger. `wireless` are those cards, `others` the interfaces that come up besides by what is written,
    and `gateways` the bridges that it gives a way out."""
    ports = {port: bridge for bridge in params.network.bridges for port in bridge.ports}
    return [
        *(_open_vswitch(b.name, b) for b in params.network.bridges if _is_of_open_vswitch(b.name, now)),
        *_ports(ports, now),
        *(_refuse_wireless(port) for port in ports if port in wireless),
        *(carries_connection(c, ports[c].name, name or "of pppd") for name, c in now.pppoe if c in ports),
        *_without_address(ports, now),
        *_cut_off(params, ports, now, others, gateways),
    ]


def _ports(ports: dict[str, Bridge], now: Network) -> list[Finding]:
    found = []
    cards = ", ".join(i.name for i in now.interfaces if i.controller) or "none"
    for port, bridge in ports.items():
        interface = now.interface(port)
        if interface is None:
            found.append(
                _refuse(
                    f"There is no network card {port} for {bridge.name}",
                    f"the host has: {cards}; a name comes from the slot, so it changes when cards move",
                    "correct network.bridges (`ip -br link` shows the names)",
                    "H651",
                )
            )
        elif interface.is_bridge:
            found.append(_a_bridge(port, bridge, now.ports(port)))
        elif interface.master == network_ways.OPEN_VSWITCH or _is_of_open_vswitch(port, now):
            found.append(_open_vswitch(port, bridge))
        elif interface.link_type != "ether":
            found.append(_no_ethernet(port, bridge, interface.link_type))
        elif interface.master not in ("", bridge.name):
            found.append(_belongs(port, now.interface(interface.master), interface.master))
    return found


def _refuse_wireless(port: str) -> Finding:
    return _refuse(
        f"{port} is a wireless card",
        "an access point takes one address a station: guests behind a bridge get no answer",
        f"use a wired card, or {_WITHOUT}",
        "H651",
    )


def _is_of_open_vswitch(name: str, now: Network) -> bool:
    interface = now.interface(name)
    return interface is not None and network_ways.is_of_open_vswitch(now, interface)


def _open_vswitch(name: str, bridge: Bridge) -> Finding:
    """A card gives its frames to one taker, and what Open vSwitch has is told by its own programs."""
    return _refuse(
        f"{name} belongs to Open vSwitch, and {bridge.name} cannot have it",
        "its bridges are made by ovs-vsctl, not by what manages the network, and a card is a port of one bridge only",
        f"take {bridge.name} out of network.bridges, which leaves Open vSwitch as it is, and plug guests into its bridge: "
        "`nics: [{bridge: BRIDGE, script: vif-openvswitch}]` (`ovs-vsctl list-br` names it)",
        "ovs-vsctl(8)",
    )


def _a_bridge(port: str, bridge: Bridge, ports: tuple[str, ...]) -> Finding:
    return _refuse(
        f"{port} is a bridge, and no bridge can be a port of {bridge.name}",
        "the kernel does not put a bridge into a bridge",
        f"call the bridge {port} in network.bridges, with `ports: [{', '.join(ports)}]`; the guests' configurations name "
        "it then",
        "H651",
    )


def _no_ethernet(port: str, bridge: Bridge, link_type: str) -> Finding:
    return _refuse(
        f"{port} carries no Ethernet frames, and cannot be a port of {bridge.name}",
        f"its link is of the type {link_type}, such as a tunnel's; the kernel takes no such port",
        _WITHOUT,
        "H651",
    )


def carries_connection(port: str, bridge: str, connection: str) -> Finding:
    """Return that pppd has a card."""
    return _refuse(
        f"{port} carries the connection {connection}, and cannot be a port of {bridge}",
        "pppd takes its frames from the card itself, and a bridge takes them first",
        f"leave {port} out of network.bridges; {_WITHOUT}",
        "pppd(8)",
    )


def _belongs(port: str, master: Interface | None, name: str) -> Finding:
    """A card is a port of one bridge or bond; a bond can be a port itself, a bridge cannot."""
    do = f"name {name} as port instead, or take {port} out of it first"
    if master is None or master.is_bridge:
        do = (
            f"call the bridge {name} in network.bridges with {port} among its ports, instead of a second one; what "
            "it has in the file stays"
        )
    return _refuse(
        f"{port} already belongs to {name}", "a card is a port of one bridge or bond only", do, "H651"
    )


def _without_address(ports: dict[str, Bridge], now: Network) -> list[Finding]:
    """A port's address that no file tells of must not go unsaid either."""
    return [
        _refuse(
            f"{port} has {address}, and {bridge.name} would have no address",
            "a port has none, so what is reached by it would be cut off",
            f"leave `ipv4: none` of {bridge.name} out of network.bridges, which keeps it, or leave {port} out of it",
            "H651",
        )
        for port, bridge in ports.items()
        if bridge.ipv4 == "none" and (interface := now.interface(port)) is not None
        if port not in now.default_routes and port != now.session
        for address in [a for a in interface.addresses if ":" not in a][:1]
    ]


def _cut_off(
    params: HostParams,
    ports: dict[str, Bridge],
    now: Network,
    others: Collection[str],
    gateways: Collection[str],
) -> list[Finding]:
    """The card of this session, or of the default route, must keep an address (H651, H654)."""
    found = []
    ways = [(_SESSION, now.session)] if now.session else []
    ways += [("the default route", name) for name in now.default_routes]
    for what, name in ways:
        interface = now.interface(name)
        if interface and interface.parent and name in others and name not in ports:
            continue  # a VLAN has its own paragraph or file, which stays, and works on a port as on a bridge
        for card in now.cards_below(name):
            bridge = ports.get(card)
            if bridge is None:
                continue
            if bridge.ipv4 == "none" and not (what == _SESSION and now.is_session6 and bridge.ipv6 != "none"):
                found.append(
                    _lost(
                        f"{what} would be cut",
                        f"{card} becomes a port of {bridge.name}, which gets no address",
                    )
                )
            elif what == "the default route" and not any(
                b.gateway or b.ipv4 == "dhcp" or b.name in gateways for b in params.network.bridges
            ):
                found.append(
                    _lost(
                        "The host would have no default route",
                        f"{card} carries it, and nothing that is written gives a bridge dhcp or a gateway",
                    )
                )
    return found


def by_name(params: HostParams, now: Network, files: Mapping[str, Collection[str]]) -> list[Finding]:
    """Return a refusal for each file of a packet filter by whose rules a card's packets pass that would come by a bridge."""
    moving = [
        (port, bridge.name)
        for bridge in params.network.bridges
        for port in bridge.ports
        if (card := now.interface(port)) is not None and card.master != bridge.name
    ]
    return [
        _refuse(
            f"{file} has rules for {port}, whose packets come by {bridge} then",
            "a filter sees the bridge as the interface: what is let in by those rules would be dropped, what is dropped let in",
            f"name {bridge} there as well as {port}, and load that (nft: `iifname {{ {port}, {bridge} }}`, since `iif` asks for "
            f"an interface that is there; iptables: the same rules with `-i {bridge}`; `ufw allow in on {bridge} …`; `firewall-cmd --permanent --zone=ZONE "
            f"--add-interface={bridge}`), then run again",
        )
        for file, names in sorted(files.items())
        for port, bridge in moving
        if port in names and bridge not in names
    ]


def _lost(what: str, why: str) -> Finding:
    what = what[0].upper() + what[1:]
    do = "leave `ipv4` of that bridge out of network.bridges, which keeps what is there, or give it an address and a gateway"
    return _refuse(what, why, do, "H651")


def _refuse(what: str, why: str, do: str, source: str = "") -> Finding:
    return Finding("refuse", what, why, do, source)
