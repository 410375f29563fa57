"""Refuse to hide a device that dom0 needs, that moved, or that cannot be told from another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from runbook import survey
from runbook.ask import Ask, Facts
from runbook.facts.pci import Device as PciDevice
from runbook.params import HostParams
from runbook.params.host import Device
from runbook.plan import Finding, Level, Plan, Risk
from runbook.survey import STAY, Machine
from runbook.survey.verdict import own, place, worst

TITLE = "Survey the devices that the parameters give to guests"
GUIDE = "Introduction: avoid NF200; the addresses to hide were typed in without any check (H616, H617)"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions of the survey."""
    return survey.asks()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action; the findings say what must be changed in the parameters or the machine."""
    return Plan(findings=tuple(_findings(params, survey.read(facts))))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what makes hiding the devices dangerous or impossible."""
    return [f for f in _findings(params, survey.read(facts)) if f.stops]


def _findings(params: HostParams, machine: Machine) -> Iterator[Finding]:
    wanted = params.passthrough.devices
    for bdf, count in Counter(d.bdf for d in wanted).items():
        if count > 1:
            yield Finding(
                "refuse",
                f"{bdf} is named {count} times under passthrough.devices",
                "only one guest can have it",
                "name it once",
            )
    ports = _future_ports(params, machine)
    owners = {bdf: guest.name for guest in params.guests for bdf in guest.pci}
    hidden = {d.bdf for d in wanted}
    for device in dict.fromkeys(wanted):
        found = machine.device(device.bdf)
        if found is None or found.id != device.id:
            yield _moved(machine, device, found)
            continue
        name = f"{device.bdf} ({device.what})"
        yield from _own(params, machine, device, found, name)
        yield from (_future_port(name, *port) for port in ports.get(device.bdf, ()))
        if not found.is_bridge:
            yield from _company(machine, found, name, hidden, owners)
    yield from _ports(params, machine)


def _moved(machine: Machine, device: Device, found: PciDevice | None) -> Finding:
    now = [d.bdf for d in machine.devices if d.id == device.id]
    there = f"{found.name} ({found.id}) is there now" if found else "nothing is at that address now"
    return Finding(
        "refuse",
        f"{device.what} ({device.id}) is not at {device.bdf}",
        f"{there}; addresses move when a card is added or removed, and a wrong one hides the wrong device",
        f"{device.id} is now at {', '.join(now)}: correct the bdf under passthrough.devices"
        if now
        else f"no {device.id} is in this machine: plug it in, or correct passthrough.devices",
        "H617",
    )


def _own(
    params: HostParams, machine: Machine, device: Device, found: PciDevice, name: str
) -> Iterator[Finding]:
    for reason in worst(own(machine, found, params.storage.guest_volume_group)):
        if reason.kind in ("rmrr", "shared-rmrr") and device.rdm_policy == "relaxed":
            continue
        if reason.verdict == STAY:
            what = f"{name} must stay with dom0: {reason.text}"
            yield Finding(
                "refuse", what, "a device that is hidden is gone from dom0", reason.do, reason.source
            )
        else:
            level: Level = "fail" if reason.kind == "shared-rmrr" else "warn"
            yield Finding(level, f"{name} needs care: {reason.text}", "", reason.do, reason.source)


def _future_ports(params: HostParams, machine: Machine) -> dict[str, list[tuple[str, str]]]:
    """Return the interface and the bridge of each card that the parameters make a port, by its PCI address."""
    ports: dict[str, list[tuple[str, str]]] = {}
    for bridge in params.network.bridges:
        cards = {card for port in bridge.ports for card in machine.network.cards_below(port)}
        for interface in machine.network.interfaces:
            if interface.name in cards:
                ports.setdefault(interface.controller, []).append((interface.name, bridge.name))
    return ports


def _future_port(name: str, interface: str, bridge: str) -> Finding:
    return Finding(
        "refuse",
        f"{name} must stay with dom0: it is {interface}, a port of the bridge {bridge}",
        "the parameters both give it to a guest and put it on a bridge of dom0",
        "take it out of passthrough.devices, or give the bridge another port",
    )


def _company(
    machine: Machine, found: PciDevice, name: str, hidden: set[str], owners: dict[str, str]
) -> Iterator[Finding]:
    """Yield what is wrong about those that the device cannot, or should not, be parted from."""
    mates = machine.mates(found)
    if staying := [d for d in mates if d.bdf not in hidden]:
        yield Finding(
            "refuse",
            f"{name} shares {place(found)} with {', '.join(f'{d.bdf} ({d.name})' for d in staying)}, "
            "which would stay in dom0",
            "the IOMMU cannot tell them apart: the guest could reach what dom0 uses",
            "name these under passthrough.devices too, or move the card to another slot",
        )
    siblings = machine.siblings(found)
    for mate in dict.fromkeys((*mates, *siblings)):
        pair = owners.get(found.bdf), owners.get(mate.bdf)
        if None not in pair and pair[0] != pair[1] and found.bdf < mate.bdf:
            yield Finding(
                "refuse" if mate in mates else "warn",
                f"{name} goes to {pair[0]}, and {mate.bdf} to {pair[1]}, which cannot be told apart",
                f"they share {place(found)}" if mate in mates else "they are one physical device",
                "give both to the same guest",
            )
    if parted := [d.bdf for d in siblings if d.bdf not in hidden and d not in mates]:
        yield Finding(
            "warn",
            f"{name} is one physical device with {', '.join(parted)}, which stays in dom0",
            "a reset of the one may reset the others",
            "name these under passthrough.devices too",
        )


def _ports(params: HostParams, machine: Machine) -> Iterator[Finding]:
    cards = [i.name for i in machine.network.interfaces if i.controller]
    for bridge in params.network.bridges:
        for port in bridge.ports:
            if machine.network.interface(port) is None:
                yield Finding(
                    "refuse",
                    f"{port}, a port of the bridge {bridge.name}, is not on this machine",
                    f"it has the cards {', '.join(cards) or '(none)'}",
                    f"correct `ports` of {bridge.name} under network.bridges",
                )
