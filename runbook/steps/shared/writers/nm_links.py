"""What is in force on a link that NetworkManager manages, where its profile alone does not tell what a bridge needs."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.facts.network_manager import Profile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.writers import nm_dangers
from runbook.steps.shared.writers.nm_addresses import FAMILIES, Family, given, method_of, section_of
from runbook.steps.shared.writers.nm_profiles import METRICS, Link

_ADDR = Ask.run("ip", "-j", "addr")
_ROUTE = Ask.run("ip", "-j", "route")
COMMANDS = (_ADDR, _ROUTE)


@dataclass(frozen=True)
class Links:
    """The links as they are, and the routes over them."""

    rows: dict[str, dict[str, Any]]
    routes: list[dict[str, Any]]

    def mac(self, name: str) -> str:
        """Return the hardware address of a link."""
        return str(self.rows.get(name, {}).get("address", "")).lower()

    def holds(self, profile: Profile, name: str) -> frozenset[Family]:
        """Return the families in which a profile gives a link something; what was made by itself counts where it has."""
        return frozenset(
            family
            for family in FAMILIES
            if method_of(section_of(profile.file, family)) not in ("disabled", "ignore", "link-local")
            if not profile.is_generated or self._global(name, family)
        )

    def of(self, name: str, profile: Profile | None) -> Link:
        """Return what a bridge is to have as its first port has it."""
        kind = profile.kind if profile else "ethernet"
        return Link(self.mac(name), self._metric(name, METRICS.get(kind, 100)), self._token(name, profile))

    def steady(self, name: str, profile: Profile | None) -> list[str]:
        """Return the addresses that a link gave itself, and that a bridge in its place gives itself again."""
        token = self._token(name, profile)
        own = self._own_making(name, profile) if profile else []
        low = _low_of(token) if token else _eui64(self.mac(name))
        if profile is not None and profile.kind == "bridge":
            return own
        return [a for a in own if _low(a) == low]

    def renumbered(self, bridge: Bridge, name: str, profile: Profile) -> Iterator[Finding]:
        """Yield a finding where addresses will be others on a bridge, though nobody asked for that."""
        if bridge.ipv6 not in ("keep", "auto"):
            return
        token = self._token(name, profile)
        other = [a for a in self._own_making(name, profile) if token and _low(a) != _low_of(token)]
        if leased := [
            a for a in self._global(name, "ipv6") if a.endswith("/128") and a not in _fixed(profile)
        ]:
            other += leased
        if other:
            yield nm_dangers.also_renumbered(bridge.name, other)

    def _metric(self, name: str, usual: int) -> int:
        """Return the metric by which a bridge's routes stay in the place among all that the card's have now.

        A bridge's own is worse than any card's, so that the way out would move to another card. NetworkManager
        numbers the routes of a second card of a kind so that they differ, but not from a metric that is fixed.
        """
        rows = [r for r in self.routes if r.get("dst") == "default"]
        mine = [int(r.get("metric", 0)) for r in rows if r.get("dev") == name]
        if not mine:
            return usual + 1
        is_best = min(mine) == min(int(r.get("metric", 0)) for r in rows)
        return min(usual - 1, min(mine) or usual - 1) if is_best else min(mine)

    def _token(self, name: str, profile: Profile | None) -> str:
        """Return what keeps an address that is made from the name of the link (RFC 7217), '' where none is."""
        own = [_low(a) for a in self._own_making(name, profile)] if profile else []
        return str(ipaddress.IPv6Address(own[0])) if own and _eui64(self.mac(name)) not in own else ""

    def _own_making(self, name: str, profile: Profile) -> list[str]:
        """Return the addresses that the link gave itself in networks that routers announce, private ones left out."""
        return [a for a in self._global(name, "ipv6") if a.endswith("/64") and a not in _fixed(profile)]

    def _global(self, name: str, family: Family) -> list[str]:
        kind = "inet6" if family == "ipv6" else "inet"
        return [
            f"{info['local']}/{info['prefixlen']}"
            for info in self.rows.get(name, {}).get("addr_info", [])
            if info.get("family") == kind
            and info.get("scope", "global") == "global"
            and not info.get("temporary")
        ]


def parse(facts: Facts) -> Links:
    """Return the links of the facts."""
    rows = json.loads(facts[_ADDR].out or "[]")
    return Links({r["ifname"]: r for r in rows if r.get("ifname")}, json.loads(facts[_ROUTE].out or "[]"))


def _fixed(profile: Profile) -> set[str]:
    return {one.address for one in given(section_of(profile.file, "ipv6"))}


def _low(address: str) -> int:
    return int(ipaddress.ip_interface(address).ip) & (2**64 - 1)


def _low_of(token: str) -> int:
    return int(ipaddress.IPv6Address(token))


def _eui64(mac: str) -> int:
    """Return the interface identifier that is made from a hardware address (RFC 4291, appendix A).

    >>> hex(_eui64("52:54:00:aa:00:01"))
    '0x505400fffeaa0001'
    """
    digits = mac.replace(":", "")
    return int(f"{digits[:6]}fffe{digits[6:]}", 16) ^ (1 << 57) if len(digits) == 12 else -1
