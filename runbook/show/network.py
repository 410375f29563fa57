"""A picture of the network: cards, bridges and guests, and what is plugged in where."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts import guests, pci
from runbook.facts import network as networks
from runbook.facts.network import Interface, Network
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.host import Bridge
from runbook.show.canvas import AMBER, BLUE, GREEN, box, label, line, picture
from runbook.show.pieces import Shown

WIDE, HIGH, GAP, TOP = 880, 44, 14, 30
_COLUMNS = ((0, 260), (330, 210), (610, 268))
"""Where cards, bridges and guests stand, and how wide each is."""
Place = tuple[float, float, float]
"""Of a box: its left edge, its width, its top."""


@dataclass(frozen=True)
class Node:
    """One box: a card, a bridge or a guest, with the names of what it is plugged into, to its right."""

    key: str
    name: str
    what: str
    tint: str
    leads: tuple[tuple[str, bool], ...] = ()
    """Keys of what a line leads to; False for one that is only asked for."""


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the network with its text alternative."""
    columns = nodes(params, facts)
    text = "\n".join(outline(columns))
    rows = max(map(len, columns))
    title = f"The network of {params.host}: cards, bridges and guests"
    return Shown(picture(WIDE, TOP + rows * (HIGH + GAP), title, text, _inside(columns)), text)


def nodes(params: HostParams, facts: Facts) -> tuple[tuple[Node, ...], ...]:
    """Return cards, bridges and guests, those that are there and those that are only asked for."""
    network = networks.parse(facts)
    running = guests.parse(facts) if all(ask in facts for ask in guests.RUNNING) else guests.Domains(False)
    planned = [bridge for bridge in params.network.bridges if bridge.name not in network.bridges()]
    whose = {bdf: guest.name for guest in params.guests for bdf in guest.pci}
    mine = sorted((c for c in network.interfaces if c.controller), key=lambda card: card.controller in whose)
    cards = [_card(card, network, planned, whose) for card in mine]
    cards += _passed(facts, whose, network, running)
    present = [_bridge(name, network, params, running) for name in network.bridges()]
    bridges = (*present, *(_bridge(b.name, network, params, running, "asked for") for b in planned))
    return tuple(cards), bridges, tuple(_guest(g, running) for g in params.guests)


def outline(columns: tuple[tuple[Node, ...], ...]) -> list[str]:
    """Return each box and what it is plugged into as lines: the picture for those who cannot see it."""
    names = {node.key: node.name for column in columns for node in column}
    lines = []
    for kind, column in zip(("card", "bridge", "guest"), columns, strict=True):
        for node in column:
            lines.append(f"{kind} {node.name}: {node.what}")
            for key, is_there in node.leads:
                lines.append(f"  to {names.get(key, key)}{'' if is_there else ', not now'}")
    return lines


def _passed(facts: Facts, whose: dict[str, str], network: Network, running: guests.Domains) -> list[Node]:
    """Return the network cards that no driver of dom0 holds, because a guest has them or is meant to."""
    seen = {card.controller for card in network.interfaces}
    found = []
    for device in pci.parse(facts) if whose else ():  # nobody asks about devices where none is passed
        if device.class_code.startswith("02") and device.bdf in whose and device.bdf not in seen:
            guest, holder = whose[device.bdf], running.holder_of(device.bdf)
            leads = ((f"guest {guest}", holder is not None and holder.name == guest),)
            found.append(Node(device.bdf, device.bdf, f"passed: {device.name}", AMBER, leads))
    return found


def _card(card: Interface, network: Network, planned: list[Bridge], whose: dict[str, str]) -> Node:
    over = [name for name in network.bridges() if card.name in network.cards_below(name)]
    way_out = any(card.name in network.cards_below(route) for route in network.default_routes)
    parts = [card.mac, *(card.addresses[:1] if not over else ()), *(["the way out"] if way_out else [])]
    leads = [(name, True) for name in over] + [(b.name, False) for b in planned if card.name in b.ports]
    leads += [(f"guest {whose[card.controller]}", False)] if card.controller in whose else []
    return Node(card.name, card.name, ", ".join(parts), BLUE, tuple(leads))


def _bridge(name: str, network: Network, params: HostParams, running: guests.Domains, note: str = "") -> Node:
    mine = network.interface(name)
    leads = []
    for guest in params.guests:
        if any(nic.bridge == name for nic in guest.nics):
            domain = running.named(guest.name)
            leads.append((f"guest {guest.name}", domain is not None and name in domain.bridges))
    addresses = [a for a in (mine.addresses if mine else ()) if not a.startswith("fe80:")]
    return Node(name, name, note or ", ".join(addresses) or "no address", BLUE, tuple(leads))


def _guest(guest: Guest, running: guests.Domains) -> Node:
    state = "runs" if running.named(guest.name) else "does not run" if running.answered else ""
    about = ", ".join(word for word in (guest.what, state) if word)
    return Node(f"guest {guest.name}", guest.name, about, GREEN)


def _inside(columns: tuple[tuple[Node, ...], ...]) -> str:
    place: dict[str, Place] = {
        node.key: (x, wide, TOP + row * (HIGH + GAP))
        for (x, wide), column in zip(_COLUMNS, columns, strict=True)
        for row, node in enumerate(column)
    }
    heads = zip(_COLUMNS, ("cards", "bridges in dom0", "guests"), strict=True)
    parts = [label(x, 18, head, wide, look='font-weight="bold"') for (x, wide), head in heads]
    every = [node for column in columns for node in column]
    parts += _cables(every, place)
    for node in every:
        x, wide, y = place[node.key]
        parts.append(box(x + 0.5, y, wide, HIGH, node.tint, says=f"{node.name}: {node.what}"))
        parts.append(label(x + 10, y + 18, node.name, wide - 16, look='font-weight="bold"'))
        parts.append(label(x + 10, y + 35, node.what, wide - 16))
    return "".join(parts)


def _cables(every: list[Node], place: dict[str, Place]) -> list[str]:
    """Return a line for each lead; those that end at one box end at different heights of it."""
    ends: dict[str, list[tuple[Node, bool]]] = {}
    for node in every:
        for key, is_there in node.leads:
            if key in place:
                ends.setdefault(key, []).append((node, is_there))
    parts = []
    for key, comers in ends.items():
        to_x, _, to_y = place[key]
        comers.sort(key=lambda comer: place[comer[0].key][2])
        for at, (node, is_there) in enumerate(comers, 1):
            x, wide, y = place[node.key]
            end = to_y + HIGH * at / (len(comers) + 1)
            middle = y + HIGH / 2
            points = ((x + wide, middle), (to_x - 45, middle), (to_x - 8, end), (to_x, end))
            parts.append(line(*points, tint=node.tint, dashed=not is_there))
    return parts
