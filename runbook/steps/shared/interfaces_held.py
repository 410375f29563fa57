"""What the files of ifupdown give one bridge: addresses, leases, routes, a way out."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from runbook.facts.interfaces import Paragraph
from runbook.params import HostParams
from runbook.steps.shared import port_lines
from runbook.steps.shared.bridge_addresses import given, is_off
from runbook.steps.shared.kept import Held

_LEASES = {("inet", "dhcp"): "ipv4", ("inet6", "dhcp"): "ipv6", ("inet6", "auto"): "ipv6"}
_DEFAULT_ROUTE = re.compile(
    r"\broute\s+(?:add|append|replace)\s+(?:default|0\.0\.0\.0/0|0/0)\b|\broute\s+add\s+.*\bdefault\b"
)
_BY_ROUTER = re.compile(r"\broute\b(?!.*\bdev\b).*\b(?:via|gw)\b")
"""A route whose link the kernel finds by its router: it leads over the bridge once that has the router's network."""
_CLIENT = re.compile(r"(?:^|[\s/])(?:dhclient|dhcpcd|udhcpc)\s(?!(?:.*\s)?-[rxk]\b)(.*)")


def held(bridge: str, paragraphs: Iterable[Paragraph]) -> Held:
    """Return what paragraphs give a bridge. Hooks of others count where they name it."""
    every = [p for p in paragraphs if p.keyword == "iface"]
    mine = [p for p in every if p.words[0].partition(":")[0] == bridge]
    leases = {_LEASES[p.words[1:3]] for p in mine if p.words[1:3] in _LEASES}  # type: ignore[index]
    # The kernel takes what routers announce, unless it is told otherwise: `inet6 static` does, with autoconf 0.
    static = [p for p in mine if p.words[1:3] == ("inet6", "static")]
    if not any(is_off(p) for p in mine) and all(p.option("autoconf") not in ((), ("0",)) for p in static):
        leases.add("ipv6")
    lines = [(p, line) for p in every for line in p.lines[1:] if not line.lstrip().startswith("#")]
    own = {line for p, line in lines if p in mine or port_lines.renamed(line, bridge, "") != line}
    leases |= {family for line in own for family in _leased(line)}
    hooks = {*own, *(line for _, line in lines if _BY_ROUTER.search(line))}
    return Held(
        frozenset(given(p) for p in mine if p.words[2:3] == ("static",)) - {""},
        frozenset(leases),
        frozenset(word for line in hooks for word in _networks(line)),
    )


def ways_out(params: HostParams, paragraphs: Iterable[Paragraph]) -> frozenset[str]:
    """Return the bridges of the parameters that have a default route of IPv4 by these paragraphs."""
    names = {b.name for b in params.network.bridges}
    found = set()
    for p in paragraphs:
        if p.keyword == "iface" and names & set(p.names) and p.words[1:2] == ("inet",):
            lines = [" ".join(words) for words in p.options]
            hooks = any(_DEFAULT_ROUTE.search(line) or "ipv4" in _leased(line) for line in lines)
            if p.option("gateway") or p.words[2:3] == ("dhcp",) or hooks:
                found.add(p.words[0])
    return frozenset(found)


def _leased(line: str) -> set[str]:
    """Return the family in which a hook has a DHCP client ask.

    >>> _leased("up dhclient -6 -nw xenbr0"), _leased("down dhclient -r xenbr0"), _leased("client /sbin/x")
    ({'ipv6'}, set(), set())
    """
    found = _CLIENT.search(line)
    return {"ipv6" if "-6" in found[1].split() else "ipv4"} if found else set()


def _networks(line: str) -> Iterable[str]:
    """Yield each address and network that a line names, as `ip route` would say it.

    >>> sorted(_networks("up route add -net 10.0.0.0 netmask 255.0.0.0 gw 10.1.0.1"))
    ['10.0.0.0', '10.0.0.0/8', '10.1.0.1', '255.0.0.0']
    """
    words = re.findall(r"[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]+(?:/[0-9.]+)?|[0-9.]+/[0-9]+", line)
    for word in words:
        try:
            found = ipaddress.ip_interface(word)
        except ValueError:
            continue
        yield str(found.ip)
        if "/" in word:
            yield from (str(found), str(found.network))
    for match in re.finditer(r"([0-9.]+)\s+netmask\s+([0-9.]+)", line):
        try:
            yield str(ipaddress.ip_network(f"{match[1]}/{match[2]}", strict=False))
        except ValueError:
            continue
