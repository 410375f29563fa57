"""The addresses in a bridge's .network: read, and changed (systemd.network(5))."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import replace

from runbook.facts.unit_files import Entry, Section, false, put, true
from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers.asked import Family, family, normal

Sections = tuple[Section, ...]
_DHCP = {"ipv4": {4}, "v4": {4}, "ipv6": {6}, "v6": {6}, "both": {4, 6}}
_ANY = ("", "0.0.0.0/0", "::/0")


class InSections:
    """The addresses of some sections, as `asked.Addresses`."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self.sections: Sections = tuple(sections)

    def leases(self, version: Family) -> bool:
        return version in self._leased()

    def lease(self, version: Family, *, on: bool) -> None:
        families = self._leased() | {version} if on else self._leased() - {version}
        self.have("DHCP", "yes" if len(families) == 2 else f"ipv{families.pop()}" if families else "no")

    def fixed(self, version: Family) -> list[str]:
        values = (v for s in self.sections if s.name in ("Network", "Address") for v in s.values("Address"))
        return [value for value in values if family(value) == version]

    def add(self, address: str) -> None:
        self.sections = put(self.sections, "Network", Entry.of("Address", address))

    def drop(self, address: str) -> None:
        self._drop(lambda section, entry: (entry.key, entry.value) == ("Address", address)
                   and section.name in ("Network", "Address"))  # fmt: skip

    def gateways(self, version: Family) -> list[str]:
        return [e.value for s in self.sections for e in s.entries if _is_way(s, e, version)]

    def lead(self, version: Family, gateway: str | None) -> None:
        self._drop(lambda section, entry: _is_way(section, entry, version))
        if gateway:
            self.sections = put(self.sections, "Network", Entry.of("Gateway", gateway))

    def listens(self) -> bool:
        """By default it is, where the link has an IPv6 address of its own."""
        return self._has_own() and not false(self._last("IPv6AcceptRA") or "yes")

    def listen(self, *, on: bool) -> None:
        if on != self._has_own():
            self.have("LinkLocalAddressing", "ipv6" if on else "no")
        if on != self.listens() or (not on and not false(self._last("IPv6AcceptRA") or "yes")):
            self.have("IPv6AcceptRA", "yes" if on else "no")

    def has_any(self) -> bool:
        """Return whether something in there gives the link an address, or would."""
        keys = ("IPv6AcceptRA", "DHCPPrefixDelegation", "DHCPServer")
        return bool(
            self._leased() or self.fixed(4) or self.fixed(6) or any(true(self._last(key)) for key in keys)
        )

    def has_way(self) -> bool:
        """Return whether there is a default route of IPv4 in there, or what leases one."""
        every = [v for s in self.sections if s.name in ("Network", "Route") for v in s.values("Gateway")]
        return self.leases(4) or bool(self.gateways(4)) or "_dhcp4" in every

    def held(self) -> Held:
        """Return all that they give."""
        to = [v for s in self.sections if s.name == "Route" for v in s.values("Destination") if family(v)]
        return Held(
            frozenset(normal(a) for a in self.fixed(4) + self.fixed(6)),
            frozenset(
                (["ipv4"] if self.leases(4) else []) + (["ipv6"] if self.leases(6) or self.listens() else [])
            ),
            networks(to),
        )

    def have(self, key: str, value: str) -> None:
        """Have one value for a key of [Network]."""
        self._drop(lambda section, entry: (section.name, entry.key) == ("Network", key))
        self.sections = put(self.sections, "Network", Entry.of(key, value))

    def _leased(self) -> set[int]:
        said = self._last("DHCP")
        return {4, 6} if true(said) else set(_DHCP.get(said.lower(), ()))

    def _has_own(self) -> bool:
        said = self._last("LinkLocalAddressing").lower()
        return said in ("", "ipv6") or true(said)

    def _last(self, key: str) -> str:
        return next(reversed([v for s in self.sections if s.name == "Network" for v in s.values(key)]), "")

    def _drop(self, is_gone: Callable[[Section, Entry], bool]) -> None:
        """Take some assignments away; comments stay, and a section of an address or a route goes with it."""
        kept: list[Section] = []
        left: tuple[str, ...] = ()
        for section in self.sections:
            gone = [entry for entry in section.entries if is_gone(section, entry)]
            if gone and section.name in ("Address", "Route"):
                left = (*left, *section.before, *(line for e in section.entries for line in e.before))
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
        if kept and (comments := tuple(line for line in left if line.strip())):
            kept[-1] = replace(kept[-1], before=(*kept[-1].before, *comments))
        self.sections = tuple(kept)


def networks(to: Iterable[str]) -> frozenset[str]:
    """Return networks as `ip route` says them: a single machine's is said without its prefix.

    >>> sorted(networks(["10.8.0.1/16", "10.9.0.1"]))
    ['10.8.0.0/16', '10.9.0.1', '10.9.0.1/32']
    """
    nets = {str(ipaddress.ip_network(one, strict=False)) for one in to}
    return frozenset(nets | {net.partition("/")[0] for net in nets if net.endswith(("/32", "/128"))})


def _is_way(section: Section, entry: Entry, version: Family) -> bool:
    """Return whether an assignment is the router of a default route."""
    if entry.key != "Gateway" or family(entry.value) != version:
        return False
    if section.name == "Network":
        return True
    to = next(reversed(section.values("Destination")), "")
    table = next(reversed(section.values("Table")), "main")
    return section.name == "Route" and to in _ANY and table in ("main", "254")
