"""What a bridge of netplan's needs besides where NetworkManager makes it (`renderer` in netplan(5)).

netplan writes profiles for NetworkManager into /run, and all that it knows of a card goes into the card's. What follows
from the kind of a link is another for a bridge: its metric, and addresses that are made from its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts import network_manager
from runbook.model.plan import Finding
from runbook.params import edit
from runbook.params.host import Bridge
from runbook.steps.shared.writers import netplan_findings as said
from runbook.steps.shared.writers import nm_dangers, nm_links
from runbook.steps.shared.writers.netplan_data import InYaml
from runbook.steps.shared.writers.netplan_definitions import Work, files_of, is_own
from runbook.steps.shared.writers.network_manager import GUESTS, GUESTS_TEXT

RENDERER = "NetworkManager"


def stops(bridge: Bridge, ids: dict[str, str], work: Work) -> Iterator[Finding]:
    """Yield what netplan cannot have NetworkManager do."""
    for port, name in ids.items():
        if name and not is_own(port, name, work):
            yield said.shared(port, name, bridge.name)
    if bridge.ipv6 == "none":
        yield said.no_word_for_none(bridge.name)


def finish(bridge: Bridge, card: str, work: Work) -> None:
    """Give a new bridge what its first card has by itself: the place of its routes among others, and its own addresses.

    A bridge's metric is 425 and a card's 100, so the way out would move to another card; netplan's words about DHCP
    are the profile's, whatever gives the addresses.
    """
    has = network_manager.parse(work.facts)
    links = nm_links.parse(work.facts)
    profile = next((p for p in has.profiles if p.device == card), None)
    link = links.of(card, profile)
    if profile is not None:
        work.findings += links.renumbered(bridge, card, profile)
        work.findings += nm_dangers.defaults(bridge, profile, card, has)
    path = files_of("bridges", bridge.name, work)[-1]
    data = work.told_now("bridges", bridge.name)
    for version, gives in ((4, _gives(data, 4)), (6, _gives(data, 6))):
        if gives and "route-metric" not in (data.get(f"dhcp{version}-overrides") or {}):
            place = ("network", "bridges", bridge.name, f"dhcp{version}-overrides", "route-metric")
            work.files[path] = edit.put(work.text(path), place, str(link.metric))
    if link.token and InYaml(data).leases(6) and "ipv6-address-token" not in data:
        where = ("network", "bridges", bridge.name)
        if "ipv6-address-generation" in data:
            of = [p for p in files_of("bridges", bridge.name, work) if _says(work, p, bridge.name)]
            work.files |= {p: edit.remove(work.text(p), (*where, "ipv6-address-generation")) for p in of}
        work.files[path] = edit.put(work.text(path), (*where, "ipv6-address-token"), link.token)


def steady(bridge: Bridge, work: Work) -> frozenset[str]:
    """Return the addresses that the bridge, or before it is there its card, made and that a bridge makes again."""
    links, has = nm_links.parse(work.facts), network_manager.parse(work.facts)
    name = next((n for n in (bridge.name, *bridge.ports) if work.now.interface(n)), "")
    return frozenset(links.steady(name, next((p for p in has.profiles if p.device == name), None)))


def leave_guests_alone(work: Work) -> None:
    """Have NetworkManager leave the guests' ends of their cables alone."""
    work.files[GUESTS] = GUESTS_TEXT


def _gives(data: dict[str, object], version: int) -> bool:
    has = InYaml(data)
    return bool(has.leases(4) or has.fixed(4)) if version == 4 else bool(has.leases(6) or has.fixed(6))


def _says(work: Work, path: str, bridge: str) -> bool:
    return edit.value(work.text(path), ("network", "bridges", bridge, "ipv6-address-generation")) is not None
