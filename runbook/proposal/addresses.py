"""What addresses an interface has, and where it has them from: in words, for a comment."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, ip_network
from typing import Any

from runbook.facts.network import Network
from runbook.facts.routes import HALVES
from runbook.model.ask import Facts


def kept(facts: Facts, name: str) -> str:
    """Return what a bridge on an interface keeps, or that there is nothing."""
    rows: list[dict[str, Any]] = json.loads(facts.out("ip", "-j", "addr") or "[]")
    mine: list[dict[str, Any]] = next(
        (row.get("addr_info", []) for row in rows if row.get("ifname") == name), []
    )
    said = [f"{a['local']}/{a['prefixlen']} ({origin(a)})" for a in mine if _counts(a)]
    return f"it keeps {', '.join(said)}" if said else "it has no address"


def origin(address: dict[str, Any]) -> str:
    """Return where an address of `ip -j addr` comes from.

    One that ages was given: by DHCP, or, for IPv6, whole by DHCPv6 or made from what the routers announce.

    >>> origin({"family": "inet", "local": "10.0.2.15", "prefixlen": 24, "dynamic": True})
    'from DHCP'
    >>> origin({"family": "inet6", "local": "2001:db8::10", "prefixlen": 64})
    'fixed'
    >>> origin({"family": "inet6", "local": "2001:db8::1a", "prefixlen": 64, "dynamic": True, "mngtmpaddr": True})
    'from router advertisements'
    """
    if not address.get("dynamic"):
        return "fixed"
    if address.get("family") != "inet6":
        return "from DHCP"
    return "from DHCPv6" if address.get("prefixlen") == 128 else "from router advertisements"


def free(net: Network) -> str:
    """Return an address for the host in a network that nothing it knows is in, '' where all that are tried are taken."""
    taken = [address for i in net.interfaces for address in i.addresses]
    taken += [network for networks in net.routes.values() for network in networks if network not in HALVES]
    used = [found for text in taken if (found := _network(text)) is not None]
    tried = (ip_network(f"192.168.{third}.0/24") for third in range(150, 200))
    return next((f"{n[1]}/24" for n in tried if not any(n.overlaps(other) for other in used)), "")


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text, strict=False) if ":" not in text else None
    except ValueError:
        return None


def _counts(address: dict[str, Any]) -> bool:
    """Leave out what every interface makes for itself, and the addresses that change by themselves for privacy."""
    return (
        "local" in address
        and address.get("scope") not in ("link", "host")
        and not str(address["local"]).startswith("fe80:")
        and not address.get("temporary")
    )
