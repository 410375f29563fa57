"""The routing table, as `ip -j route` and `ip -j -6 route` say it (ip-route(8))."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_BY_ITSELF = ("kernel", "ra", "redirect", "dhcp")
"""Who sets routes that come with an address, or from outside: rtnetlink(7)."""


@dataclass(frozen=True)
class Route:
    """One way to one network; a route with several next hops is several."""

    to: str
    """The network, `default` for all others."""
    interface: str
    via: str
    """The router, '' for what is on the link."""
    metric: int
    protocol: str
    """Who set it: `kernel`, `ra`, `dhcp`, `static`, or `boot` for whoever did not say."""
    version: int

    @property
    def is_set(self) -> bool:
        """True for a route that somebody's configuration set, other than a default one."""
        return self.to != "default" and self.protocol not in _BY_ITSELF and not self._is_of_every_link

    @property
    def _is_of_every_link(self) -> bool:
        """True for fe80::/64 and ff00::/8, which every interface has."""
        net = ipaddress.ip_network(self.to, strict=False)
        return net.version == 6 and (net.is_link_local or net.is_multicast)


def routes(rows: Iterable[dict[str, Any]], version: int) -> tuple[Route, ...]:
    """Return the routes of one family, in their order.

    >>> [found] = routes([{"dst": "default", "gateway": "10.0.2.2", "dev": "enp0s3", "protocol": "dhcp"}], 4)
    >>> found.interface, found.via, found.is_set
    ('enp0s3', '10.0.2.2', False)
    """
    return tuple(
        Route(row["dst"], hop["dev"], _via(hop), row.get("metric", 0), row.get("protocol", "boot"), version)
        for row in rows
        if "dst" in row
        for hop in (row, *row.get("nexthops", ()))
        if "dev" in hop and row.get("type", "unicast") == "unicast"
    )


HALVES = ("0.0.0.0/1", "128.0.0.0/1")
"""All networks, in two routes that go before the default one: OpenVPN's `redirect-gateway def1` (openvpn(8))."""


def way_out(table: Iterable[Route]) -> str:
    """Return the interface by which what is on no other network leaves by IPv4, '' where there is no such way.

    >>> rows = [{"dst": "default", "dev": "eno1"}, *({"dst": half, "dev": "tun0"} for half in HALVES)]
    >>> way_out(routes(rows, 4)), way_out(routes(rows[:2], 4))
    ('tun0', 'eno1')
    """
    ways = [route for route in table if route.version == 4]
    halves = [{route.interface for route in ways if route.to == half} for half in HALVES]
    both = sorted(set.intersection(*halves))
    plain = sorted((route for route in ways if route.to == "default"), key=lambda route: route.metric)
    return next(iter([*both, *(route.interface for route in plain)]), "")


def rivals(table: Iterable[Route], version: int) -> tuple[str, ...]:
    """Return the interfaces of the default routes that none of the others goes before, by its metric."""
    ways = [route for route in table if route.to == "default" and route.version == version]
    best = min((route.metric for route in ways), default=0)
    return tuple(dict.fromkeys(route.interface for route in ways if route.metric == best))


def _via(hop: dict[str, Any]) -> str:
    return str(hop.get("gateway") or hop.get("via", {}).get("host", ""))
