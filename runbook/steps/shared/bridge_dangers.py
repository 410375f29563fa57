"""What could cut a host off when its network is rebuilt: each a reason to refuse, said beforehand."""

from __future__ import annotations

from runbook import releases
from runbook.facts.interfaces import Interfaces
from runbook.facts.network import Network
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge
from runbook.releases import xen

IFUP, BRCTL = "/usr/sbin/ifup", "/usr/sbin/brctl"
PROGRAMS = (IFUP, BRCTL)


def find(params: HostParams, now: Network, written: Interfaces, programs: set[str]) -> list[Finding]:
    """Return every danger; `programs` are those of PROGRAMS that exist."""
    ports = {port: bridge for bridge in params.network.bridges for port in bridge.ports}
    return [
        *_programs(params, programs),
        *_ports(ports, now, written),
        *_others_at_work(set(ports) | {b.name for b in params.network.bridges}, written),
        *_cut_off(params, ports, now),
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
                "so nothing reads /etc/network/interfaces",
                "run `apt-get install ifupdown` on the host, then run again",
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
        elif interface.master not in ("", bridge.name):
            found.append(
                _refuse(
                    f"{port} already belongs to {interface.master}",
                    "a card is a port of one bridge or bond only",
                    f"name {interface.master} as port instead, or take {port} out of it first",
                )
            )
        if port in written.wireless:
            found.append(
                _refuse(
                    f"{port} is a wireless card",
                    "an access point takes one address a station: guests behind a bridge get no answer",
                    "use a wired card, or pass the wireless card through to a guest",
                )
            )
    for name in written.static_ipv6(ports):
        found.append(
            _refuse(
                f"{name} has a fixed IPv6 address",
                "the parameters know IPv4 only, so it would be lost",
                "move its paragraph to the bridge by hand (`iface BRIDGE inet6 static`), then run again",
            )
        )
    return found


def _others_at_work(names: set[str], written: Interfaces) -> list[Finding]:
    found = [
        _refuse(
            f"{path} also configures {name}",
            "one interface configured twice gets two addresses or fails",
            f"remove the paragraph of {name} there, then run again",
            "H653",
        )
        for name, path in written.elsewhere
        if name in names
    ]
    return found + [
        _refuse(
            f"{manager} manages {name}",
            "it would take the card back from the bridge",
            f"let it leave {name} alone, or switch to ifupdown: `systemctl disable --now {manager}`",
        )
        for name, manager in written.managers
        if name in names
    ]


def _cut_off(params: HostParams, ports: dict[str, Bridge], now: Network) -> list[Finding]:
    """The card of this session, or of the default route, must keep an address (H651, H654)."""
    found = []
    ways = [("this ssh session", now.session)] if now.session else []
    ways += [("the default route", name) for name in now.default_routes]
    for what, name in ways:
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
                b.gateway or b.ipv4 == "dhcp" for b in params.network.bridges
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
