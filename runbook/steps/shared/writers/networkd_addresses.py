"""The addresses of a bridge's .network, brought to what the parameters ask; what gives way is named."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from runbook.facts.unit_files import Entry, Section, false, put, true
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers.given_up import WORDS, gives_way, no_address

Sections = tuple[Section, ...]
_DHCP = {"ipv4": {4}, "v4": {4}, "ipv6": {6}, "v6": {6}, "both": {4, 6}}
_ANY = {4: "0.0.0.0/0", 6: "::/0"}


def as_asked(bridge: Bridge, sections: Sections, whose: str, found: list[Finding]) -> Sections:
    """Return a bridge's sections with the addresses that the parameters ask for; `keep` asks for those that are there.

    `whose` is the card that had them, or the bridge itself.
    """
    if bridge.ipv4 == "none":
        had = ["dhcp"] if 4 in dhcp(sections) else static(sections, 4)
        found += [no_address(bridge, whose, one) for one in had]
    elif bridge.ipv4 != "keep":
        sections = _given(bridge, 4, "ipv4", bridge.ipv4, bridge.gateway, sections, whose, found)
    if bridge.ipv6 == "none":
        sections = _without_ipv6(bridge, sections, whose, found)
    elif bridge.ipv6 == "auto":
        sections = _with_routers(sections)
    elif bridge.ipv6 != "keep":
        sections = _given(bridge, 6, "ipv6", bridge.ipv6, bridge.gateway6, sections, whose, found)
    for address in bridge.more_addresses:
        if not _is_among(address, static(sections, 4) + static(sections, 6)):
            sections = put(sections, "Network", Entry.of("Address", address))
    return sections


def dhcp(sections: Iterable[Section]) -> set[int]:
    """Return the families that are leased by DHCP.

    >>> dhcp([Section("Network", (Entry.of("DHCP", "yes"), Entry.of("DHCP", "ipv4")))])
    {4}
    """
    last = next(reversed([v for s in sections if s.name == "Network" for v in s.values("DHCP")]), "no")
    return {4, 6} if true(last) else set(_DHCP.get(last.lower(), ()))


def static(sections: Iterable[Section], family: int) -> list[str]:
    """Return the fixed addresses of a family, in order."""
    values = (v for s in sections if s.name in ("Network", "Address") for v in s.values("Address"))
    return [value for value in values if value and _family(value) == family]


def gateways(sections: Iterable[Section], family: int) -> list[str]:
    """Return the gateways of the default routes of a family, also `_dhcp4` and the like."""
    return [
        value
        for section in sections
        if section.name == "Network" or (section.name == "Route" and _is_default(section))
        for value in section.values("Gateway")
        if value and (_family(value) == family or (value == "_dhcp4" and family == 4))
    ]


def listens(sections: Iterable[Section]) -> bool:
    """Return whether what routers announce is taken: by default it is, where the link has an address of its own."""
    said = [(e.key, e.value) for s in sections if s.name == "Network" for e in s.entries]
    last = dict(said)
    local = last.get("LinkLocalAddressing", "ipv6").lower()
    return not false(last.get("IPv6AcceptRA", "yes")) and (true(local) or local == "ipv6")


def held(sections: Iterable[Section]) -> Held:
    """Return what sections give the link that they are about."""
    sections = tuple(sections)
    to = [v for s in sections if s.name == "Route" for v in s.values("Destination") if _family(v)]
    nets = {str(ipaddress.ip_network(one, strict=False)) for one in to}
    leases = {"ipv4"} if 4 in dhcp(sections) else set()
    leases |= {"ipv6"} if 6 in dhcp(sections) or listens(sections) else set()
    return Held(
        frozenset(_normal(a) for a in static(sections, 4) + static(sections, 6)),
        frozenset(leases),
        frozenset(nets | {net.partition("/")[0] for net in nets if net.endswith(("/32", "/128"))}),
    )


def has_any(sections: Iterable[Section]) -> bool:
    """Return whether something in there gives the link an address, or would."""
    sections = tuple(sections)
    said = {e.key: e.value for s in sections if s.name == "Network" for e in s.entries}
    asks = any(true(said.get(key, "no")) for key in ("IPv6AcceptRA", "DHCPPrefixDelegation", "DHCPServer"))
    return asks or bool(dhcp(sections) or static(sections, 4) or static(sections, 6))


def set_to(sections: Sections, key: str, value: str) -> Sections:
    """Return the sections with one value for a key of [Network]."""
    sections = _without(sections, lambda section, entry: (section.name, entry.key) == ("Network", key))
    return put(sections, "Network", Entry.of(key, value))


def _given(
    bridge: Bridge, family: int, key: str, wanted: str, gateway: str | None,
    sections: Sections, whose: str, found: list[Finding],
) -> Sections:  # fmt: skip
    """Return the sections with one address, or with DHCP, of a family; what stood there first gives way."""
    has = static(sections, family)
    if (wanted == "dhcp" and family in dhcp(sections)) or _is_among(wanted, has):
        return _with_gateway(bridge, key, family, gateway, sections, found)
    if family in dhcp(sections) or has:
        old = "dhcp" if family in dhcp(sections) else has[0]
        ways = [] if old == "dhcp" else gateways(sections, family)
        said = WORDS.get(old, old) + (f" with the gateway {', '.join(ways)}" if ways else "")
        found.append(gives_way(bridge, key, whose, said, wanted))
        if old == "dhcp":
            sections = _with_dhcp(sections, dhcp(sections) - {family})
        else:
            sections = _without(sections, partial(_is_address, address=old))
            sections = _without(sections, partial(_is_gateway, family=family))
    if wanted == "dhcp":
        return _with_dhcp(sections, dhcp(sections) | {family})
    sections = put(sections, "Network", Entry.of("Address", wanted))
    return put(sections, "Network", Entry.of("Gateway", gateway)) if gateway else sections


def _with_gateway(
    bridge: Bridge, key: str, family: int, gateway: str | None, sections: Sections, found: list[Finding]
) -> Sections:
    has = gateways(sections, family)
    if not gateway or gateway in has:
        return sections
    for old in has:
        what = f"the gateway {old}"
        found.append(gives_way(bridge, key.replace("ipv4", "gateway").replace("ipv6", "gateway6"), bridge.name,
                               what, gateway))  # fmt: skip
    sections = _without(sections, partial(_is_gateway, family=family))
    return put(sections, "Network", Entry.of("Gateway", gateway))


def _without_ipv6(bridge: Bridge, sections: Sections, whose: str, found: list[Finding]) -> Sections:
    for one in [*static(sections, 6), *(["dhcp"] if 6 in dhcp(sections) else [])]:
        found.append(gives_way(bridge, "ipv6", whose, WORDS.get(one, one), "none"))
    for address in static(sections, 6):
        sections = _without(sections, partial(_is_address, address=address))
    sections = _without(sections, partial(_is_gateway, family=6))
    if 6 in dhcp(sections):
        sections = _with_dhcp(sections, dhcp(sections) - {6})
    if listens(sections):
        sections = set_to(sections, "IPv6AcceptRA", "no")
    return set_to(sections, "LinkLocalAddressing", "no") if _has_local(sections) else sections


def _has_local(sections: Sections) -> bool:
    said = [v.lower() for s in sections if s.name == "Network" for v in s.values("LinkLocalAddressing")]
    return not said or true(said[-1]) or said[-1] == "ipv6"


def _with_routers(sections: Sections) -> Sections:
    """Return the sections so that what routers announce is taken."""
    if listens(sections):
        return sections
    if not _has_local(sections):
        sections = set_to(sections, "LinkLocalAddressing", "ipv6")
    return set_to(sections, "IPv6AcceptRA", "yes")


def _with_dhcp(sections: Sections, families: set[int]) -> Sections:
    return set_to(
        sections, "DHCP", "yes" if len(families) == 2 else f"ipv{families.pop()}" if families else "no"
    )


def _without(sections: Sections, is_gone: Callable[[Section, Entry], bool]) -> Sections:
    """Return the sections without some assignments; comments stay, and a section of an address goes with it."""
    kept: list[Section] = []
    left: tuple[str, ...] = ()
    for section in sections:
        gone = [entry for entry in section.entries if is_gone(section, entry)]
        if gone and section.name in ("Address", "Route"):
            left = (*left, *section.before, *(c for e in section.entries for c in e.before))
            continue
        before, left = (*left, *section.before), ()
        entries: list[Entry] = []
        for entry in section.entries:
            if entry in gone:
                left = (*left, *entry.before)
            else:
                entries.append(replace(entry, before=(*left, *entry.before)))
                left = ()
        kept.append(replace(section, entries=tuple(entries), before=before))
    comments = tuple(line for line in left if line.strip())
    if comments and kept:
        kept[-1] = replace(kept[-1], before=(*kept[-1].before, *comments))
    return tuple(kept)


def _is_address(section: Section, entry: Entry, address: str) -> bool:
    return section.name in ("Network", "Address") and entry.key == "Address" and entry.value == address


def _is_gateway(section: Section, entry: Entry, family: int) -> bool:
    is_here = section.name == "Network" or (section.name == "Route" and _is_default(section))
    return is_here and entry.key == "Gateway" and _family(entry.value) == family


def _is_default(section: Section) -> bool:
    to = next(reversed(section.values("Destination")), "")
    table = next(reversed(section.values("Table")), "main")
    return to in ("", *_ANY.values()) and table in ("main", "254")


def _is_among(address: str, has: Iterable[str]) -> bool:
    return _normal(address) in {_normal(one) for one in has}


def _normal(address: str) -> str:
    try:
        return str(ipaddress.ip_interface(address))
    except ValueError:
        return address


def _family(value: str) -> int:
    """Return 4 or 6 for an address, 0 for what is none, such as `_dhcp4`."""
    try:
        return ipaddress.ip_interface(value.partition("%")[0]).version
    except ValueError:
        return 0
