"""The addresses of a bridge, brought to what the parameters ask; what gives way is named. The same for every manager."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Literal, Protocol

from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.writers.given_up import WORDS, gives_way, no_address

Family = Literal[4, 6]


class Addresses(Protocol):
    """What a manager's files give one bridge: read, and changed."""

    def leases(self, family: Family) -> bool:
        """Return whether DHCP is asked."""

    def lease(self, family: Family, *, on: bool) -> None:
        """Ask DHCP, or no more."""

    def fixed(self, family: Family) -> list[str]:
        """Return the addresses that are given by number, in order."""

    def add(self, address: str) -> None:
        """Give one more."""

    def drop(self, address: str) -> None:
        """Give one no more."""

    def gateways(self, family: Family) -> list[str]:
        """Return the routers of the default routes that are given by number."""

    def lead(self, family: Family, gateway: str | None) -> None:
        """Have this router as the only one, or none."""

    def listens(self) -> bool:
        """Return whether what routers announce is taken."""

    def listen(self, *, on: bool) -> None:
        """Take what routers announce; or take nothing, and have no address of the link's own either."""


def as_asked(bridge: Bridge, has: Addresses, whose: str, found: list[Finding]) -> None:
    """Bring a bridge's addresses to what the parameters ask for; `keep` asks for those that are there.

    `whose` is the card that had them, or the bridge itself.
    """
    if bridge.ipv4 == "none":
        had = ["dhcp"] if has.leases(4) else has.fixed(4)
        found += [no_address(bridge, whose, one) for one in had]
    elif bridge.ipv4 != "keep":
        _one(bridge, 4, has, whose, found)
    if bridge.ipv6 == "none":
        _no_ipv6(bridge, has, whose, found)
    elif bridge.ipv6 == "auto":
        if not has.listens():
            has.listen(on=True)
    elif bridge.ipv6 != "keep":
        _one(bridge, 6, has, whose, found)
    for address in bridge.more_addresses:
        if not is_among(address, has.fixed(4) + has.fixed(6)):
            has.add(address)


def family(value: str) -> int:
    """Return 4 or 6 for an address or a network, 0 for what is none.

    >>> family("10.0.0.2/24"), family("fe80::1%eno1"), family("_dhcp4")
    (4, 6, 0)
    """
    try:
        return ipaddress.ip_interface(value.partition("%")[0]).version
    except ValueError:
        return 0


def normal(address: str) -> str:
    """Return an address as the kernel says it; what is none stays as it is."""
    try:
        return str(ipaddress.ip_interface(address))
    except ValueError:
        return address


def is_among(address: str, has: Iterable[str]) -> bool:
    """Return whether an address is there, however it is written."""
    return normal(address) in {normal(one) for one in has}


def _one(bridge: Bridge, version: Family, has: Addresses, whose: str, found: list[Finding]) -> None:
    """Give one address, or DHCP, of a family; what stood there first gives way."""
    key, wanted, gateway = (
        ("ipv4", bridge.ipv4, bridge.gateway) if version == 4 else ("ipv6", bridge.ipv6, bridge.gateway6)
    )
    if (wanted == "dhcp" and has.leases(version)) or is_among(wanted, has.fixed(version)):
        _gateway(bridge, version, gateway, has, found)
        return
    if has.leases(version):
        found.append(gives_way(bridge, key, whose, WORDS["dhcp"], wanted))
        has.lease(version, on=False)
    elif old := has.fixed(version):
        ways = ", ".join(has.gateways(version))
        said = old[0] + (f" with the gateway {ways}" if ways else "")
        found.append(gives_way(bridge, key, whose, said, wanted))
        has.drop(old[0])
        has.lead(version, None)
    if wanted == "dhcp":
        has.lease(version, on=True)
        return
    has.add(wanted)
    _gateway(bridge, version, gateway, has, found)


def _gateway(
    bridge: Bridge, version: Family, gateway: str | None, has: Addresses, found: list[Finding]
) -> None:
    ways = has.gateways(version)
    if not gateway or gateway in ways:
        return
    key = "gateway" if version == 4 else "gateway6"
    found += [gives_way(bridge, key, bridge.name, f"the gateway {old}", gateway) for old in ways]
    has.lead(version, gateway)


def _no_ipv6(bridge: Bridge, has: Addresses, whose: str, found: list[Finding]) -> None:
    for old in [*has.fixed(6), *(["dhcp"] if has.leases(6) else [])]:
        found.append(gives_way(bridge, "ipv6", whose, WORDS.get(old, old), "none"))
    for address in has.fixed(6):
        has.drop(address)
    if has.gateways(6):
        has.lead(6, None)
    if has.leases(6):
        has.lease(6, on=False)
    has.listen(on=False)
