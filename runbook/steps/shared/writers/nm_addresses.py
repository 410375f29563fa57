"""The addresses of one bridge in a profile of NetworkManager, brought to what the parameters ask; what gives way is named."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from runbook.facts.keyfile import Keyfile, Section
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.kept import Held

Family = Literal["ipv4", "ipv6"]
FAMILIES: tuple[Family, Family] = ("ipv4", "ipv6")
_ADDRESS = re.compile(r"address(?:es)?(0|[1-9][0-9]*)?")
_ROUTE = re.compile(r"routes?(0|[1-9][0-9]*)?")
MOVES = (
    "zone", "metered", "llmnr", "mdns", "dns-over-tls", "dnssec", "mptcp-flags", "secondaries", "stable-id",
    "mud-url", "gateway-ping-timeout", "ip-ping-timeout", "ip-ping-addresses", "ip-ping-addresses-require-all",
)  # fmt: skip
"""Keys of [connection] that are about the network behind the card, not about the card (nm-settings-nmcli(5))."""
_OFF = ("disabled", "ignore")
_WORDS = {"ipv4": "what DHCP leases", "ipv6": "what routers announce"}


@dataclass(frozen=True)
class Given:
    """One address of a profile."""

    address: str
    """With its prefix."""
    gateway: str = ""

    def __str__(self) -> str:
        return self.address + (f" with the gateway {self.gateway}" if self.gateway else "")


@dataclass(frozen=True)
class Whose:
    """Of whom the addresses are that a bridge takes over."""

    name: str
    holds: frozenset[Family]
    """The families in which something is lost if they are not taken over: not what nobody wrote and nobody has."""


def as_asked(bridge: Bridge, file: Keyfile, whose: Whose, found: list[Finding]) -> Keyfile:
    """Return the profile of a bridge with the addresses that the parameters ask for; with `keep` they stay as they are."""
    for family in FAMILIES:
        old = section_of(file, family)
        new = _with_more(bridge, family, _mended(bridge, family, old, whose, found))
        if new != old:
            file = file.taking(new)
    return file


def section_of(file: Keyfile, family: Family) -> Section:
    """Return the section of a family; a profile without one is automatic."""
    return file.section(family) or Section(family, f"[{family}]", ("method=auto",))


def method_of(section: Section) -> str:
    """Return how a profile gets its addresses, such as `auto`, `manual`, `disabled`."""
    return section.values.get("method", "") or "auto"


def given(section: Section) -> list[Given]:
    """Return the addresses that a profile gives by number, the first one first.

    >>> given(Section("ipv4", "[ipv4]", ("address1=10.0.0.2/24,10.0.0.1", "addresses2=10.0.0.3;24;0.0.0.0;")))
    [Given(address='10.0.0.2/24', gateway='10.0.0.1'), Given(address='10.0.0.3/24', gateway='')]
    """
    keys = {key: found for key in section.values if (found := _ADDRESS.fullmatch(key))}
    ordered = sorted(keys, key=lambda key: int(keys[key][1] or -1))
    return [_given(section.values[key], section.name) for key in ordered if section.values[key]]


def gateway_of(section: Section) -> str:
    """Return the gateway that a profile gives by number, ''."""
    return section.values.get("gateway", "") or next((g.gateway for g in given(section) if g.gateway), "")


def held(file: Keyfile, steady: Iterable[str]) -> Held:
    """Return what a profile gives its link; `steady` are the addresses that it goes on giving itself."""
    sections = {family: section_of(file, family) for family in FAMILIES}
    fixed = {one.address for section in sections.values() for one in given(section)}
    routes = [
        re.split(r"[,;\s]", value.strip())[0]
        for section in sections.values()
        for key, value in section.values.items()
        if _ROUTE.fullmatch(key)
    ]
    leases = {family for family, section in sections.items() if method_of(section) in ("auto", "dhcp")}
    gateways = {gateway_of(section) for section in sections.values()} - {""}
    return Held(
        frozenset(fixed | set(steady)), frozenset(leases), frozenset({*map(_network, routes), *gateways})
    )


def _network(text: str) -> str:
    """Return a network as the kernel names it: a single machine without its prefix.

    >>> _network("10.8.0.0/16"), _network("10.9.1.1/32"), _network("10.9.1.1")
    ('10.8.0.0/16', '10.9.1.1', '10.9.1.1')
    """
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    return str(found) if found.prefixlen < found.max_prefixlen else str(found.network_address)


def has_way_out(section: Section) -> bool:
    """Return whether a profile brings a default route."""
    if section.values.get("never-default", "") in ("true", "1", "yes"):
        return False
    return method_of(section) in ("auto", "dhcp") or bool(gateway_of(section))


def _given(text: str, family: str) -> Given:
    parts = [part for part in re.split(r"[/,;\s]+", text.strip()) if part]
    if len(parts) == 1 or not parts[1].isdigit():  # the prefix may be left out
        parts.insert(1, "64" if family == "ipv6" else "24")
    gateway = parts[2] if len(parts) > 2 and parts[2] not in ("0.0.0.0", "::") else ""
    try:
        return Given(str(ipaddress.ip_interface(f"{parts[0]}/{parts[1]}")), gateway)
    except ValueError:  # nothing that NetworkManager takes either
        return Given(text, gateway)


def _mended(bridge: Bridge, family: Family, old: Section, whose: Whose, found: list[Finding]) -> Section:
    value = bridge.ipv4 if family == "ipv4" else bridge.ipv6
    method, there = method_of(old), given(old)
    if value == "keep":
        return old
    if value == "none":
        return old if method in _OFF else _without(bridge, family, old, whose, found)
    if "/" not in value:
        if method == "auto":
            return old
        if there:
            found.append(
                _gives_way(bridge, family, whose, str(Given(there[0].address, gateway_of(old))), value)
            )
        return _with_addresses(old, "auto", there[1:])
    gateway = (bridge.gateway if family == "ipv4" else bridge.gateway6) or ""
    if any(one.address == value for one in there):
        return _with_gateway(bridge, family, old, value, gateway, found)
    if family == "ipv6" and method == "auto":  # a link has as many IPv6 addresses as it is given
        return _with_addresses(old, "auto", [Given(value, gateway), *there])
    if method == "manual" and there:
        found.append(_gives_way(bridge, family, whose, str(Given(there[0].address, gateway_of(old))), value))
        there = there[1:]
    elif method == "auto" and family in whose.holds:
        found.append(_gives_way(bridge, family, whose, _WORDS[family], value))
    return _with_addresses(old, "manual", [Given(value, gateway), *there])


def _without(bridge: Bridge, family: Family, old: Section, whose: Whose, found: list[Finding]) -> Section:
    """Return the section of a bridge that has no address of a family."""
    has = ", ".join(map(str, given(old))) or _WORDS[family]
    if family in whose.holds and family == "ipv4":
        found.append(
            Finding(
                "refuse",
                f"{bridge.name} would have no address, and {whose.name} has one: {has}",
                f"{whose.name} is a port then, and a port has none; what is reached by it would be cut off",
                f"leave `ipv4: none` of {bridge.name} out of network.bridges, which keeps it, or leave {whose.name} "
                "out of it",
                "H651",
            )
        )
    elif family in whose.holds:
        found.append(_gives_way(bridge, family, whose, has, "none"))
    return Section(
        family, old.head, ("method=disabled", "") if old.lines[-1:] == ("",) else ("method=disabled",)
    )


def _with_gateway(
    bridge: Bridge, family: Family, old: Section, value: str, gateway: str, found: list[Finding]
) -> Section:
    """Return a section that has the address with the gateway of the parameters, if they have one."""
    had = gateway_of(old)
    if not gateway or had == gateway:
        return old
    if had:
        found.append(
            _gives_way(bridge, family, Whose(bridge.name, frozenset()), f"the gateway {had}", gateway)
        )
    there = [Given(one.address, gateway if one.address == value else "") for one in given(old)]
    return _with_addresses(old, method_of(old), there)


def _with_more(bridge: Bridge, family: Family, old: Section) -> Section:
    """Return the section with the further addresses of the parameters that it lacks."""
    there = given(old)
    has = {one.address for one in there}
    new = [Given(a) for a in bridge.more_addresses if (":" in a) == (family == "ipv6") and a not in has]
    if not new:
        return old
    if there and (gateway := gateway_of(old)):
        there[0] = Given(there[0].address, gateway)
    return _with_addresses(old, "manual" if method_of(old) in _OFF else method_of(old), [*there, *new])


def _with_addresses(old: Section, method: str, addresses: Sequence[Given]) -> Section:
    """Return a section with these addresses alone; all else stays."""
    gone: dict[str, str | None] = {
        key: None for key in old.values if key == "gateway" or _ADDRESS.fullmatch(key)
    }
    new = {
        f"address{i}": one.address + (f",{one.gateway}" if one.gateway else "")
        for i, one in enumerate(addresses, 1)
    }
    return old.holding({"method": method, **gone, **new})


def _gives_way(bridge: Bridge, family: Family, whose: Whose, old: str, new: str) -> Finding:
    return Finding(
        "loss",
        f"{old} gives way on {bridge.name} to what the parameters say: {new}",
        f"the profile gives {whose.name} the one, network.bridges asks for the other; what is reached by it, such as "
        "this host, is reached no more",
        f"leave `{family}` of {bridge.name} out of network.bridges, which keeps it, or write it there; to let it go, "
        "agree to this very plan",
        "H655",
    )
