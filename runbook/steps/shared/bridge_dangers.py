"""What could cut a host off when its network is rebuilt: each a reason to refuse, said beforehand."""

from __future__ import annotations

from runbook import releases
from runbook.facts.interfaces import Interfaces
from runbook.facts.network import Interface, Network
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge
from runbook.releases import xen
from runbook.steps.shared.network_managers import others_at_work

IFUP, BRCTL = "/usr/sbin/ifup", "/usr/sbin/brctl"
PROGRAMS = (IFUP, BRCTL)


def find(
    params: HostParams, now: Network, written: Interfaces, programs: set[str], gateways: set[str]
) -> list[Finding]:
    """Return every danger; `programs` are those of PROGRAMS that exist, `gateways` bridges with a way out in the file."""
    ports = {port: bridge for bridge in params.network.bridges for port in bridge.ports}
    return [
        *_programs(params, programs),
        *_ports(ports, now, written),
        *others_at_work(set(ports) | {b.name for b in params.network.bridges}, written),
        *_without_address(ports, now),
        *_cut_off(params, ports, now, written, gateways),
    ]


def _programs(params: HostParams, programs: set[str]) -> list[Finding]:
    found = []
    if BRCTL not in programs:
        found.append(
            Finding(
                "wait",
                "bridge-utils is not installed",
                "it is what makes ifupdown understand `bridge_ports`",
                "run the notebook 05_xen_installation first",
                after=xen.supply(params.xen.source, releases.get(params.release)).step,
            )
        )
    if IFUP not in programs:
        found.append(
            _refuse(
                "ifupdown is not installed",
                "so nothing reads /etc/network/interfaces, and that file is what this step writes",
                "if another program manages the network, do what is said of it here; else run `apt-get install "
                "ifupdown` on the host, then run again",
            )
        )
    return found


def _ports(ports: dict[str, Bridge], now: Network, written: Interfaces) -> list[Finding]:
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
            found.append(
                _refuse(
                    f"{port} is a bridge, and no bridge can be a port of {bridge.name}",
                    "the kernel does not put a bridge into a bridge",
                    f"call the bridge {port} in network.bridges, with `ports: [{', '.join(now.ports(port))}]`; the "
                    "guests' configurations name it then",
                    "H651",
                )
            )
        elif interface.master not in ("", bridge.name):
            found.append(_belongs(port, now.interface(interface.master), interface.master))
        if port in written.wireless:
            found.append(
                _refuse(
                    f"{port} is a wireless card",
                    "an access point takes one address a station: guests behind a bridge get no answer",
                    "use a wired card, or pass the wireless card through to a guest",
                )
            )
    return found


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
            f"give {bridge.name} `ipv4: {address}` in network.bridges, or leave {port} out of it",
            "H651",
        )
        for port, bridge in ports.items()
        if bridge.ipv4 == "none" and (interface := now.interface(port)) is not None
        if port not in now.default_routes and port != now.session
        for address in [a for a in interface.addresses if ":" not in a][:1]
    ]


def _cut_off(
    params: HostParams, ports: dict[str, Bridge], now: Network, written: Interfaces, gateways: set[str]
) -> list[Finding]:
    """The card of this session, or of the default route, must keep an address (H651, H654)."""
    defined = {n for p in written.paragraphs for n in p.names} | {name for name, _ in written.elsewhere}
    found = []
    ways = [("this ssh session", now.session)] if now.session else []
    ways += [("the default route", name) for name in now.default_routes]
    for what, name in ways:
        interface = now.interface(name)
        if interface and interface.parent and name in defined and name not in ports:
            continue  # a VLAN has its own paragraph, which stays, and works on a port as on a bridge
        for card in now.cards_below(name):
            bridge = ports.get(card)
            if bridge is None:
                continue
            if bridge.ipv4 == "none":
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
                        f"{card} carries it, and no bridge has dhcp or a gateway",
                    )
                )
            elif what == "this ssh session":
                found += _moves(now, name, bridge)
    return found


def _moves(now: Network, name: str, bridge: Bridge) -> list[Finding]:
    interface = now.interface(name)
    if bridge.ipv4 == "dhcp" or interface is None or bridge.ipv4 in interface.addresses:
        return []
    return [
        Finding(
            "warn",
            f"The host's address becomes {bridge.ipv4}",
            f"{name} has {', '.join(interface.addresses)} now; if the new address is not reached, the old "
            "file comes back",
            "make sure that connection.to reaches the new address, too",
            "H655",
        )
    ]


def _lost(what: str, why: str) -> Finding:
    what = what[0].upper() + what[1:]
    return _refuse(what, why, "give that bridge `ipv4: dhcp`, or an address and a gateway", "H651")


def _refuse(what: str, why: str, do: str, source: str = "") -> Finding:
    return Finding("refuse", what, why, do, source)
