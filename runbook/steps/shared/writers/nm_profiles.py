"""Profiles of NetworkManager: a card's when it becomes a port, and the bridge's that takes over what is not the wire's.

The keys' older names (`master`, `slave-type`, `autoconnect-slaves`) are written: every NetworkManager reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from runbook.facts.keyfile import Keyfile, Section
from runbook.facts.network_manager import Profile
from runbook.steps.shared.writers.nm_addresses import FAMILIES, MOVES, method_of, section_of

METRICS = {"ethernet": 100, "bond": 300, "vlan": 400}
"""The metric of routes that NetworkManager gives a link of each kind; a bridge has 425, behind all other cards."""
_BOTH = ("permissions", "autoconnect-priority", "autoconnect-retries", "auth-retries")


@dataclass(frozen=True)
class Link:
    """What is known of the link that a profile is active on."""

    mac: str
    metric: int
    """The metric that the bridge's routes shall have; 0 leaves it to the profile."""
    token: str
    """The interface identifier of an IPv6 address that would change with the name of the link, such as `::1:2`; ''."""


def uuid_of(*names: str) -> str:
    """Return the UUID of a profile of ours: the same for the same host and the same name."""
    return str(uuid5(NAMESPACE_URL, f"xen-host-runbook {' '.join(names)}"))


def port(profile: Profile, card: str, bridge: str, own: str, priority: int) -> Keyfile:
    """Return a card's profile as that of a port: its wire stays, its addresses go.

    `own` is the UUID of a profile of its own for the card, '' where the card's profile stays this one; `priority` goes
    before profiles that would serve the card, too.
    """
    changes: dict[str, str | None] = dict.fromkeys(MOVES)
    changes |= {
        "controller": None,
        "port-type": None,
        "autoconnect": None,
        "master": bridge,
        "slave-type": "bridge",
    }
    if own:
        changes |= {"id": f"{bridge}-{card}", "uuid": own, "interface-name": card, "timestamp": None}
        changes |= {"autoconnect-priority": None, "read-only": None, "multi-connect": None}
    if priority:
        changes["autoconnect-priority"] = str(priority)
    file = profile.file.without(*FAMILIES, "proxy", ".nmmeta", *(("match",) if own else ()))
    return _spaced(file.holding("connection", changes))


def fresh_port(card: str, bridge: str, own: str) -> Keyfile:
    """Return the profile of a port that had none."""
    lines = (f"id={bridge}-{card}", f"uuid={own}", "type=ethernet", f"interface-name={card}")
    return Keyfile(
        (Section("connection", "[connection]", (*lines, f"master={bridge}", "slave-type=bridge")),)
    )


def bridge(name: str, uuid: str, first: Profile | None, link: Link) -> Keyfile:
    """Return the profile of a new bridge: all that its first port has, but for the wire; `first` None has nothing.

    No spanning tree: a guest's network would wait 30 seconds at each start (H653).
    """
    old = first.file if first else Keyfile()
    had = old.values("connection")
    lines = [f"id={name}", f"uuid={uuid}", "type=bridge", f"interface-name={name}", "autoconnect-slaves=1"]
    for key in (*MOVES, *_BOTH):
        # What was made by itself has the lowest priority, so that any other goes before it.
        if key in had and had[key] != "-999":
            lines.append(f"{key}={had[key]}")
    file = Keyfile((Section("connection", "[connection]", tuple(lines)),))
    wire = {"mtu": old.get("ethernet", "mtu") or None}
    if is_random := old.get("ethernet", "cloned-mac-address") == "random":
        wire["cloned-mac-address"] = "random"
    # NetworkManager gives a new bridge an address of its own, and DHCP then leases another one (H655).
    mac = None if is_random else link.mac or None
    file = file.holding("ethernet", wire).holding("bridge", {"mac-address": mac, "stp": "false"})
    for family in FAMILIES:
        section = section_of(old, family) if first else Section(family, f"[{family}]", ("method=disabled",))
        file = file.taking(_trimmed(_carried(section, link)))
    proxy = old.section("proxy")
    return file.taking(_trimmed(proxy)) if proxy and proxy.values else file


def _carried(section: Section, link: Link) -> Section:
    """Return a section of addresses as a bridge needs it so that the same is in force."""
    values = section.values
    if method_of(section) in ("disabled", "ignore"):
        return section
    if link.metric and values.get("route-metric", "-1") == "-1":
        section = section.holding({"route-metric": str(link.metric)})
    if section.name == "ipv6" and link.token and not values.get("token") and method_of(section) == "auto":
        section = section.holding({"addr-gen-mode": "eui64", "token": link.token})
    return section


def _trimmed(section: Section) -> Section:
    lines = list(section.lines)
    while lines and not lines[-1].strip():
        lines.pop()
    return Section(section.name, section.head, tuple(lines))


def _spaced(file: Keyfile) -> Keyfile:
    """Return a file without blank lines at its end."""
    return Keyfile((*file.sections[:-1], _trimmed(file.sections[-1]))) if file.sections else file


def rivals(profiles: Iterable[Profile], card: str, mac: str) -> list[Profile]:
    """Return the profiles that NetworkManager might bring up on a card by itself, ports of something left out."""
    return [
        p
        for p in profiles
        if p.kind == "ethernet"
        and not p.controller
        and p.file.get("connection", "autoconnect") not in ("false", "0")
        if p.interface in ("", card) and p.mac in ("", mac)
    ]


def priority_of(profile: Profile) -> int:
    """Return how much NetworkManager prefers a profile to others for the same card, from -999 to 999."""
    text = profile.file.get("connection", "autoconnect-priority")
    return int(text) if text.lstrip("-").isdigit() else 0
