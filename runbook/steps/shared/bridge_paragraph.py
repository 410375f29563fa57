"""The paragraphs of one bridge: made anew from what its port had, or taken over as they are and mended."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from runbook.facts.interfaces import Paragraph, words_of
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.bridge_addresses import as_asked, given

PORTS = ("bridge_ports", "bridge-ports")
_HOOKS = ("pre-up", "up", "post-up")


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
    """Whole paragraphs, such as a second address or those of IPv6."""


def made(bridge: Bridge, carried: Carried, found: list[Finding]) -> list[Paragraph]:
    """Return the paragraphs of a bridge that the file does not have yet.

    No spanning tree and no forward delay: a guest's network would wait 30 seconds at each start (H653).
    """
    method = carried.method or "manual"
    # systemd gives a new bridge an address of its own, and DHCP then leases another one (H655).
    hardware = [f"    bridge_hw {bridge.ports[0]}"] if bridge.ports else []
    lines = [
        f"iface {bridge.name} inet {method}",
        *carried.own,
        *carried.lines,
        f"    bridge_ports {' '.join(bridge.ports) or 'none'}",
        *hardware,
        "    bridge_stp off",
        "    bridge_fd 0",
        "    bridge_maxwait 0",
    ]
    auto = Paragraph("auto", (bridge.name,), (f"auto {bridge.name}",), ("",))
    first = Paragraph("iface", (bridge.name, "inet", method), tuple(lines))
    return [auto, *as_asked(bridge, [first, *carried.more], carried.port or bridge.name, found)]


def adopted(
    bridge: Bridge, there: list[Paragraph], carried: Carried, found: list[Finding]
) -> list[Paragraph]:
    """Return the paragraphs of a bridge that the file has: as they are, where they are as asked."""
    mine = _with_carried(bridge, there, carried, found)
    holder = next((p for p in mine if p.option(*PORTS)), mine[0])
    if not takes_any(there):
        mine = [_with_ports(bridge, p, found) if p is holder else p for p in mine]
    return as_asked(bridge, mine, bridge.name, found)


def ports_of(there: list[Paragraph]) -> tuple[str, ...]:
    """Return the ports that a bridge's paragraphs name."""
    return next((p.option(*PORTS) for p in there if p.option(*PORTS)), ())


def takes_any(there: list[Paragraph]) -> bool:
    """Return whether a bridge takes its ports by a pattern, or by commands that make it, so that nothing is known of them here."""
    ports = ports_of(there)
    by_pattern = bool({"all", "regex"} & set(ports)) or any("*" in port for port in ports)
    return by_pattern or any(map(_makes_it, there))


def _makes_it(paragraph: Paragraph) -> bool:
    """Return whether a command of a bridge's paragraph makes it: ip-link(8), or brctl(8) of bridge-utils."""
    name = rf"""["']?(?:{re.escape(paragraph.words[0])}|\$\{{?IFACE\}}?)["']?(?=[\s;]|$)"""
    made = rf"\bbrctl\s+addbr\s+{name}|\bip\s.*\blink\s+add\s.*{name}.*\btype\s+bridge\b"
    hooks = (line for line in paragraph.lines if words_of(line)[:1] and words_of(line)[0] in _HOOKS)
    return any(re.search(made, line) for line in hooks)


def _with_carried(
    bridge: Bridge, there: list[Paragraph], carried: Carried, found: list[Finding]
) -> list[Paragraph]:
    """Return the paragraphs of a bridge that is there, with what a new port of it had."""
    plain = [p for p in there if p.words[1:2] == ("inet",)]
    first = next((p for p in plain if p.option(*PORTS)), plain[0] if plain else there[0])
    new, more = first, list(carried.more)
    head = (bridge.name, "inet", carried.method)
    comes = Paragraph("iface", head, (f"iface {' '.join(head)}", *carried.own), ("",))
    has = {given(p) for p in plain}
    if carried.method and given(comes) not in has:
        if has == {"manual"}:
            new = replace(first, words=head, lines=(comes.lines[0], *carried.own, *first.lines[1:]))
        elif carried.method == "static" or not plain:
            more.insert(0, comes)
        else:
            found.append(_two_leases(bridge, carried.port, comes.lines[0]))
    new = replace(new, lines=(*new.lines, *carried.lines))
    told = {(p.words[1:2], given(p)) for p in there}
    return [
        *(new if p is first else p for p in there),
        *(p for p in more if (p.words[1:2], given(p)) not in told),
    ]


def _with_ports(bridge: Bridge, holder: Paragraph, found: list[Finding]) -> Paragraph:
    """Return the paragraph with every port of the parameters; what it has besides is not dropped unsaid."""
    has = tuple(p for p in holder.option(*PORTS) if p != "none")
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


def _two_leases(bridge: Bridge, port: str, line: str) -> Finding:
    return Finding(
        "refuse",
        f"{port} leases an address, and {bridge.name} has a fixed one: `{line}` would be its second way out",
        f"{port} becomes a port of {bridge.name}, which then has both",
        f"write into the file which of the two {bridge.name} is to have, and `iface {port} inet manual`; then run again",
        "H652",
    )
