"""The network without what comes and goes: leases, and the cards of guests."""

from __future__ import annotations

import json
import re

from runbook.drift.answers import runs
from runbook.drift.named import Thing, Things, listed, yes
from runbook.facts import interfaces as configured
from runbook.facts import network as networks
from runbook.model.ask import Facts

_GUESTS = re.compile(r"(vif|tap|veth)\d")


def interfaces(facts: Facts) -> Things:
    """Return every interface that belongs to the host itself."""
    network = networks.parse(facts)
    fixed = _fixed_addresses(facts)
    bridges = network.bridges()
    found: Things = {}
    for card in network.interfaces:
        if card.name == "lo" or _GUESTS.match(card.name):
            continue
        fields: Thing = {"addresses": listed(fixed.get(card.name, ()))}
        if card.is_bridge:  # its own address is that of one of its ports
            fields["ports"] = listed(p for p in bridges[card.name] if not _GUESTS.match(p))
        else:
            fields["address"] = card.mac
        if card.master not in bridges:  # a port is brought up with its bridge, which says what it has
            fields["up"] = yes(card.is_up)
        found[card.name] = fields
    return found


def ways_out(facts: Facts) -> Things:
    """Return the default routes, and which programs manage interfaces."""
    found = {}
    for _, answer in runs(facts, "ip", "-j", "route"):
        rows = [row for row in json.loads(answer.out or "[]") if row.get("dst") == "default"]
        found["default route"] = listed(sorted(map(_route, rows)))
    if all(ask in facts for ask in configured.COMMANDS):
        pairs = (pair for pair in configured.parse(facts).managers if not _GUESTS.match(pair[0]))
        found["managed by others"] = listed(sorted(f"{card} by {who}" for card, who in pairs))
    return {"network": found}


def packet_filter(facts: Facts) -> Things:
    """Return the tables of the packet filter, and the text of the runbook's own."""
    found = {}
    for _, answer in runs(facts, "nft", "list", "tables"):
        found["tables"] = listed(sorted(answer.out.splitlines()))
    for _, answer in runs(facts, "nft", "--stateless", "list", "table"):
        found["rules in force"] = answer.out if answer.ok else "none"
    return {"packet filter": found} if found else {}


def _fixed_addresses(facts: Facts) -> dict[str, list[str]]:
    """Return the addresses that no lease or router gave; those of a link follow from its card."""
    found: dict[str, list[str]] = {}
    for _, answer in runs(facts, "ip", "-j", "addr"):
        for row in json.loads(answer.out or "[]"):
            found[row.get("ifname", "")] = sorted(
                f"{info['local']}/{info['prefixlen']}"
                for info in row.get("addr_info", [])
                if "local" in info and not info.get("dynamic") and info.get("scope") != "link"
            )
    return found


def _route(row: dict[str, str]) -> str:
    given = "by a lease" if row.get("protocol") in ("dhcp", "ra") else f"via {row.get('gateway', 'nobody')}"
    return f"{row.get('dev', 'several')} {given}"
