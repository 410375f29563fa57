"""What the parameters of bridges change on purpose: the switch measures that against them, and all else against before."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Literal

from runbook.actions import Renumbered
from runbook.facts.network import Network
from runbook.params import HostParams
from runbook.params.host import Bridge

_LEASED = ("dhcp", "auto")


def on_purpose(params: HostParams, now: Network) -> tuple[Renumbered, ...]:
    """Return, for each bridge and family, what is to be there that is not, with what gives way to it."""
    return tuple(
        found
        for bridge in params.network.bridges
        for family in ("inet", "inet6")
        if (found := _of(bridge, family, now)) and (found.links or found.wants)
    )


def _of(bridge: Bridge, family: Literal["inet", "inet6"], now: Network) -> Renumbered:
    is_4 = family == "inet"
    asked, gateway = (bridge.ipv4, bridge.gateway) if is_4 else (bridge.ipv6, bridge.gateway6)
    more = [a for a in bridge.more_addresses if (":" not in a) is is_4]
    links = (bridge.name, *bridge.ports)
    had = tuple(dict.fromkeys(_had(links, 4 if is_4 else 6, now)))
    fixed, leased = {each for each in had if "/" in each}, set(had) & set(links)
    if asked == "keep":
        wants, is_so = more, True
    elif asked == "none":
        wants, is_so = [], not (fixed or leased)
    elif asked in _LEASED:
        wants, is_so = [bridge.name, *more], bool(leased) and fixed <= set(more)
    else:
        wants = [asked, *more, *([f"via {gateway}"] if gateway else [])]
        is_so = not leased and fixed <= set(wants) <= set(had)
    if is_so:
        return Renumbered(family, (), tuple(each for each in more if each not in had))
    return Renumbered(family, links, tuple(wants), had)


def _had(links: tuple[str, ...], version: int, now: Network) -> Iterator[str]:
    """Yield what these links have: fixed addresses, a link's name where the address is leased, and ways out."""
    for interface in now.interfaces:
        if interface.name not in links:
            continue
        for address in interface.addresses:
            found = ipaddress.ip_interface(address)
            if found.version == version and not found.is_link_local:
                yield interface.name if address in interface.leased else address
    yield from (
        f"via {r.via}"
        for r in now.table
        if r.to == "default" and r.interface in links and r.via and r.version == version
    )
