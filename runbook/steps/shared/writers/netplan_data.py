"""What of a card's definition belongs to its bridge (netplan(5)), and the addresses in it: read, and changed."""

from __future__ import annotations

from typing import Any, Literal

from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers.asked import Family, family, normal
from runbook.steps.shared.writers.networkd_addresses import networks

Place = Literal["bridge", "port", "both", "unknown"]
_BRIDGE = frozenset((
    "dhcp4", "dhcp6", "ipv6-mtu", "ipv6-privacy", "link-local", "ignore-carrier", "critical", "dhcp-identifier",
    "dhcp4-overrides", "dhcp6-overrides", "ra-overrides", "accept-ra", "addresses", "ipv6-address-generation",
    "ipv6-address-token", "gateway4", "gateway6", "nameservers", "routes", "routing-policy", "optional-addresses",
))  # fmt: skip
_PORT = frozenset((
    "match", "set-name", "wakeonlan", "emit-lldp", "receive-checksum-offload", "transmit-checksum-offload",
    "tcp-segmentation-offload", "tcp6-segmentation-offload", "generic-segmentation-offload",
    "generic-receive-offload", "large-receive-offload", "link", "virtual-function-count", "embedded-switch-mode",
    "delay-virtual-functions-rebind", "infiniband-mode", "interfaces", "parameters", "id", "macaddress",
))  # fmt: skip
_ANY = {4: ("default", "0.0.0.0/0", "0/0"), 6: ("default", "::/0", "0::/0")}


def place(key: str) -> Place:
    """Return where a key of a card's definition belongs when the card becomes a port.

    >>> place("dhcp4"), place("set-name"), place("mtu"), place("openvswitch")
    ('bridge', 'port', 'both', 'unknown')
    """
    if key in ("mtu", "optional", "renderer"):
        return "both"
    return "bridge" if key in _BRIDGE else "port" if key in _PORT else "unknown"


def true(value: Any) -> bool:
    """Return whether a value is one of netplan's words for yes."""
    return str(value).lower() in ("true", "on", "yes", "y", "1")


class InYaml:
    """The addresses of one definition, as `asked.Addresses`."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = dict(data)

    def leases(self, version: Family) -> bool:
        return true(self.data.get(f"dhcp{version}", "false"))

    def lease(self, version: Family, *, on: bool) -> None:
        self.data[f"dhcp{version}"] = "true" if on else "false"

    def fixed(self, version: Family) -> list[str]:
        return [one for one in map(_address, self.data.get("addresses") or []) if family(one) == version]

    def add(self, address: str) -> None:
        self.data["addresses"] = [*(self.data.get("addresses") or []), address]

    def drop(self, address: str) -> None:
        self._keep("addresses", [one for one in self.data["addresses"] if _address(one) != address])

    def gateways(self, version: Family) -> list[str]:
        ways = [r.get("via", "") for r in self.data.get("routes") or [] if _is_way(r, version)]
        return [way for way in (self.data.get(f"gateway{version}", ""), *ways) if way]

    def lead(self, version: Family, gateway: str | None) -> None:
        self.data.pop(f"gateway{version}", None)
        routes = [r for r in self.data.get("routes") or [] if not _is_way(r, version)]
        self._keep("routes", [*routes, *([{"to": "default", "via": gateway}] if gateway else [])])

    def listens(self) -> bool:
        local = self.data.get("link-local", ["ipv6"]) or []
        return "ipv6" in local and str(self.data.get("accept-ra", "true")).lower() not in (
            "false",
            "no",
            "off",
            "n",
        )

    def listen(self, *, on: bool) -> None:
        if not on or "ipv6" not in (self.data.get("link-local", ["ipv6"]) or []):
            self.data["link-local"] = ["ipv6"] if on else []
        if not on or "accept-ra" in self.data:
            self.data["accept-ra"] = "true" if on else "false"

    def has_any(self) -> bool:
        """Return whether something in there gives the link an address."""
        return bool(self.leases(4) or self.leases(6) or self.fixed(4) or self.fixed(6))

    def held(self) -> Held:
        """Return all that it gives."""
        leases = ["ipv4"] if self.leases(4) else []
        leases += ["ipv6"] if self.leases(6) or self.listens() else []
        to = [str(r.get("to", "")) for r in self.data.get("routes") or []]
        return Held(
            frozenset(normal(a) for a in self.fixed(4) + self.fixed(6)),
            frozenset(leases),
            networks(one for one in to if family(one)),
        )

    def _keep(self, key: str, value: list[Any]) -> None:
        if value:
            self.data[key] = value
        else:
            self.data.pop(key, None)


def _address(one: Any) -> str:
    """Return an address of a list, also of one with options behind it."""
    return str(next(iter(one), "")) if isinstance(one, dict) else str(one)


def _is_way(route: dict[str, Any], version: Family) -> bool:
    is_main = str(route.get("table", "254")) in ("254", "main")
    return is_main and route.get("to") in _ANY[version] and family(str(route.get("via", ""))) == version
