"""Bridges for a machine: what it has now, or the cards that it has been given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runbook.facts.network import Interface
from runbook.facts.uplink import fixed_address
from runbook.model.ask import Facts
from runbook.params import host as params
from runbook.survey.machine import Machine

NAMES = ("xenbr0", "xenbr1")


@dataclass(frozen=True)
class Bridge:
    """One suggested bridge."""

    name: str
    port: str
    """The network card on it."""
    controller: str
    """The card's PCI address, '' for a card that has none."""
    ipv4: str
    gateway: str
    why: str


def bridges(machine: Machine, facts: Facts) -> tuple[Bridge, ...]:
    """Return the outside bridge, on the card that reaches the machine, and an inside one on the next card.

    A machine that is reached over something else than one wired card gets none: a bond, a VLAN or a
    wireless card needs a person's thought, and so does an address that a bridge cannot have.
    """
    net = machine.network
    way = net.session or next(iter(net.default_routes), "")
    cards = net.cards_below(way)
    outside = net.interface(cards[0]) if len(cards) == 1 else None
    if (
        outside is None
        or not is_wired(machine, outside)
        or not (way == outside.name or _is_bridge(machine, way))
    ):
        return ()
    ipv4, gateway = _address(way, facts)
    had = "from DHCP" if ipv4 == "dhcp" else "fixed"
    found = [Bridge(NAMES[0], outside.name, outside.controller, ipv4, gateway,
                    f"the outside: {_reached(machine, outside.name)} by it; its address is {had} now")]  # fmt: skip
    others = sorted(
        (i for i in net.interfaces if i.controller and i != outside and is_wired(machine, i)),
        key=lambda i: i.controller,
    )
    if others:
        why = "the inside: guests, and what hangs on the second card"
        found.append(Bridge(NAMES[1], others[0].name, others[0].controller, "none", "", why))
    return tuple(found) if all(map(_can_be, found)) else ()


def _can_be(bridge: Bridge) -> bool:
    """Return whether parameters take a bridge: the machine may have a gateway outside its network, or say anything."""
    try:
        params.Bridge(
            name=bridge.name, ports=(bridge.port,), ipv4=bridge.ipv4, gateway=bridge.gateway or None
        )
    except ValidationError:
        return False
    return bridge.port not in NAMES


def is_wired(machine: Machine, card: Interface) -> bool:
    """True for an Ethernet card (PCI class 0200); a bridge takes no wireless one."""
    device = machine.device(card.controller)
    return device is not None and device.class_code.startswith("0200") and not card.name.startswith("wl")


def _is_bridge(machine: Machine, name: str) -> bool:
    interface = machine.network.interface(name)
    return interface is not None and interface.is_bridge


def _reached(machine: Machine, card: str) -> str:
    return "this session came in" if machine.network.session else f"the default route goes out ({card})"


def _address(name: str, facts: Facts) -> tuple[str, str]:
    """Return `dhcp`, or the fixed address of an interface with its gateway."""
    rows: list[dict[str, Any]] = json.loads(facts.out("ip", "-j", "addr") or "[]")
    routes: list[dict[str, Any]] = json.loads(facts.out("ip", "-j", "route") or "[]")
    mine: list[dict[str, Any]] = next(
        (row.get("addr_info", []) for row in rows if row.get("ifname") == name), []
    )
    fixed = fixed_address(mine)
    ways = (r.get("gateway", "") for r in routes if r.get("dst") == "default" and r.get("dev") == name)
    return (fixed, next(ways, "")) if fixed else ("dhcp", "")
