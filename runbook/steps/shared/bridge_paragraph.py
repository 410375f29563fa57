"""The paragraphs of one bridge: made anew from what its port had, or taken over as they are and mended."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace

from runbook.facts.interfaces import Paragraph, words_of
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.port_lines import ADDRESS

PORTS = ("bridge_ports", "bridge-ports")
_METHODS = {"dhcp": "dhcp", "none": "manual"}


@dataclass
class Carried:
    """What goes over to a bridge from the cards that become its ports."""

    method: str = ""
    """How the first of them got its IPv4 address: `static`, `dhcp`, or '' for not at all."""
    port: str = ""
    own: list[str] = field(default_factory=list)
    """Lines of that address."""
    lines: list[str] = field(default_factory=list)
    """All other lines."""
    more: list[Paragraph] = field(default_factory=list)
    """Whole paragraphs, such as a second address."""


def made(bridge: Bridge, carried: Carried, found: list[Finding]) -> list[Paragraph]:
    """Return the paragraphs of a bridge that the file does not have yet.

    No spanning tree and no forward delay: a guest's network would wait 30 seconds at each start (H653).
    """
    had = _address(carried.own) if carried.method == "static" else carried.method
    kept = _judged(bridge, had, carried.port, carried.own, found)
    method = _METHODS.get(bridge.ipv4, "static")
    # systemd gives a new bridge an address of its own, and DHCP then leases another one (H655).
    hardware = [f"    bridge_hw {bridge.ports[0]}"] if bridge.ports else []
    lines = [
        f"iface {bridge.name} inet {method}",
        *_own(bridge, kept),
        *carried.lines,
        f"    bridge_ports {' '.join(bridge.ports) or 'none'}",
        *hardware,
        "    bridge_stp off",
        "    bridge_fd 0",
        "    bridge_maxwait 0",
    ]
    auto = Paragraph("auto", (bridge.name,), (f"auto {bridge.name}",), ("",))
    return [auto, Paragraph("iface", (bridge.name, "inet", method), tuple(lines)), *carried.more]


def adopted(
    bridge: Bridge, there: list[Paragraph], carried: Carried, found: list[Finding]
) -> list[Paragraph]:
    """Return the paragraphs of a bridge that the file has: as they are, where they are as asked."""
    plain = [p for p in there if p.words[1:2] == ("inet",)]
    first = next((p for p in plain if p.option(*PORTS)), plain[0] if plain else there[0])
    new = {id(p): p for p in there}
    if plain:
        new[id(first)] = _with_address(bridge, first, plain, found)
    elif bridge.ipv4 != "none":
        method = _METHODS.get(bridge.ipv4, "static")
        lines = (f"iface {bridge.name} inet {method}", *_own(bridge, []))
        carried.more.append(Paragraph("iface", (bridge.name, "inet", method), lines, ("",)))
    holder = next((p for p in there if p.option(*PORTS)), first)
    new[id(holder)] = _with_ports(bridge, new[id(holder)], found)
    if carried.lines:
        lines = (*new[id(first)].lines, *carried.lines)
        new[id(first)] = replace(new[id(first)], lines=lines)
    had = _address(carried.own) if carried.method == "static" else carried.method
    _judged(bridge, had, carried.port, carried.own, found)
    return [*(new[id(p)] for p in there), *carried.more]


def ports_of(there: list[Paragraph]) -> tuple[str, ...]:
    """Return the ports that a bridge's paragraphs name."""
    return next((p.option(*PORTS) for p in there if p.option(*PORTS)), ())


def takes_any(ports: tuple[str, ...]) -> bool:
    """Return whether a bridge takes its ports by a pattern, so that nothing is known of them here."""
    return bool({"all", "regex"} & set(ports)) or any("*" in port for port in ports)


def _with_address(
    bridge: Bridge, first: Paragraph, plain: list[Paragraph], found: list[Finding]
) -> Paragraph:
    """Return the first paragraph with the address of the parameters, unchanged when the bridge has it."""
    method = _METHODS.get(bridge.ipv4, "static")
    has = {
        _address(list(p.lines[1:])) if p.words[2] == "static" else p.words[2]: p for p in plain if p.words[2:]
    }
    wanted = bridge.ipv4 if method == "static" else method
    gateway = str(bridge.gateway or "")
    if wanted in has and (method != "manual" or set(has) == {"manual"}):
        holder = has[wanted]
        given = " ".join(holder.option("gateway"))
        if not gateway or given == gateway:
            return first
        if holder is not first:
            found.append(_gives_way(bridge, f"gateway {given}", gateway))
            return first
    own = [line for line in first.lines[1:] if words_of(line)[:1] and words_of(line)[0] in ADDRESS]
    had = next((key for key, p in has.items() if p is first), "")
    kept = _judged(bridge, "" if had == "manual" else had, bridge.name, own, found)
    lines = [line for line in first.lines[1:] if line not in own]
    head = f"iface {bridge.name} inet {method}"
    return replace(first, words=(bridge.name, "inet", method), lines=(head, *_own(bridge, kept), *lines))


def _with_ports(bridge: Bridge, holder: Paragraph, found: list[Finding]) -> Paragraph:
    """Return the paragraph with every port of the parameters; what it has besides is not dropped unsaid."""
    has = tuple(p for p in holder.option(*PORTS) if p != "none")
    if takes_any(has):
        return holder
    if more := [port for port in has if port not in bridge.ports]:
        found.append(
            Finding(
                "warn",
                f"{', '.join(more)} stays on {bridge.name}, where the parameters do not name it",
                f"the file gives {bridge.name} these ports, and taking one away is left to a person",
                f"write `ports: [{', '.join((*has, *(p for p in bridge.ports if p not in has)))}]` for {bridge.name} "
                "in network.bridges, or take what shall go out of its bridge_ports by hand",
                "interfaces(5)",
            )
        )
    new = [port for port in bridge.ports if port not in has]
    if not new and holder.option(*PORTS):
        return holder
    line = f"    bridge_ports {' '.join((*has, *new)) or 'none'}"
    lines = [line if words_of(old)[:1] and words_of(old)[0] in PORTS else old for old in holder.lines]
    return replace(holder, lines=tuple(lines if line in lines else [*lines, line]))


def _judged(bridge: Bridge, had: str, name: str, own: list[str], found: list[Finding]) -> list[str]:
    """Say what becomes of the address that a card or the bridge had, and return its further lines if it stays."""
    if not had:
        return [line for line in own if words_of(line)[0] not in ("address", "netmask", "gateway")]
    if bridge.ipv4 == "none":
        address = had if had != "dhcp" else "dhcp"
        found.append(
            Finding(
                "refuse",
                f"{bridge.name} would have no address, and {name} has one: {had}",
                f"{name} is a port then, and a port has none; what is reached by it would be cut off",
                f"give {bridge.name} `ipv4: {address}` in network.bridges, or leave {name} out of it",
                "H651",
            )
        )
        return []
    if bridge.ipv4 != had:
        if had != "dhcp":
            found.append(_gives_way(bridge, had, bridge.ipv4))
        return []
    gateway = next((" ".join(words_of(line)[1:]) for line in own if words_of(line)[0] == "gateway"), "")
    if gateway and bridge.gateway and gateway != str(bridge.gateway):
        found.append(_gives_way(bridge, f"the gateway {gateway}", str(bridge.gateway)))
    folded = ("address", "netmask", *(("gateway",) if bridge.gateway else ()))
    return [line for line in own if words_of(line)[0] not in folded]


def _own(bridge: Bridge, kept: list[str]) -> list[str]:
    """Return the lines of the bridge's own address."""
    if bridge.ipv4 in _METHODS:
        return kept
    return [
        f"    address {bridge.ipv4}",
        *([f"    gateway {bridge.gateway}"] if bridge.gateway else []),
        *kept,
    ]


def _address(lines: list[str]) -> str:
    """Return the address with its prefix of some lines of a paragraph, '' when there is none.

    >>> _address(["  address 192.168.1.10", "  netmask 255.255.255.0"]), _address(["address 10.0.0.2/24"])
    ('192.168.1.10/24', '10.0.0.2/24')
    """
    given = {words[0]: words[1] for line in lines if len(words := words_of(line)) > 1}
    address, mask = given.get("address", ""), given.get("netmask", "")
    try:
        if "/" in address or not address:
            return str(ipaddress.ip_interface(address)) if address else ""
        first = int(ipaddress.ip_address(address)) >> 24
        by_class = "8" if first < 128 else "16" if first < 192 else "24"
        return str(ipaddress.ip_interface(f"{address}/{mask or by_class}"))
    except ValueError:  # a name, or something that ifup does not take either
        return address


def _gives_way(bridge: Bridge, old: str, new: str) -> Finding:
    return Finding(
        "warn",
        f"{old} gives way on {bridge.name} to what the parameters say: {new}",
        "the file has the one, network.bridges the other",
        f"to keep {old}, write it into network.bridges",
        "H655",
    )
