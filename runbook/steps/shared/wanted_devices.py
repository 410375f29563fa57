"""The devices that the parameters give to guests, judged on the machine as it is: which must stay, which need care."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from runbook import survey
from runbook.facts import network
from runbook.facts.pci import Device as PciDevice
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Level
from runbook.params import HostParams
from runbook.params.host import Device
from runbook.survey import STAY, Machine
from runbook.survey.reasons import Reason
from runbook.survey.verdict import judge, place, ports
from runbook.survey.xen_quirks import phantom


def asks() -> tuple[Ask, ...]:
    """Return the questions of the survey, and on which card PPPoE runs: `ip` shows nothing of it on the card."""
    return (*survey.asks(), network.PPPOE)


def findings(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what speaks against hiding the devices of the parameters, and what needs care, device by device (H616, H617)."""
    return list(_findings(params, survey.read(facts, params.xen.options)))


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
    kept = ports(machine, ((bridge.name, bridge.ports) for bridge in params.network.bridges))
    owners = {bdf: guest.name for guest in params.guests for bdf in guest.pci}
    hidden = {d.bdf for d in wanted}
    for device in dict.fromkeys(wanted):
        found = machine.device(device.bdf)
        if found is None or found.id != device.id:
            yield _moved(machine, device, found)
            continue
        name = f"{device.bdf} ({device.what})"
        company = list(_company(machine, found, name, hidden, owners)) if not found.is_bridge else []
        group = params.storage.guest_volume_group
        taken = _taken(machine, found, device, hidden, owners)
        taken |= {"phantom"} if phantom(found) in params.xen.options else set()
        said = {"group", "siblings"} - taken if company else set()
        yield from _verdict(judge(machine, found, group, kept), name, taken, said)
        yield from company
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


def _verdict(reasons: tuple[Reason, ...], name: str, taken: set[str], said: set[str]) -> Iterator[Finding]:
    """Yield the verdict about a device, a finding for each reason; kinds of care that are `taken` are only noted.

    Kinds that are `said` have a finding of their own.
    """
    for reason in reasons:
        if reason.verdict == STAY:
            what = f"{name} must stay with dom0: {reason.text}"
            why = "a device that is hidden is gone from dom0"
            yield Finding("refuse", what, why, reason.do, reason.source)
        elif reason.kind not in said:
            level: Level = "fail" if reason.kind == "shared-rmrr" else "warn"
            why, level = ("the parameters do so", "info") if reason.kind in taken else ("", level)
            yield Finding(level, f"{name} needs care: {reason.text}", why, reason.do, reason.source)


def _taken(
    machine: Machine, found: PciDevice, device: Device, hidden: set[str], owners: dict[str, str]
) -> set[str]:
    """Return the kinds of care that the parameters take: the whole group in one hand, memory that may be shared."""
    others = {d.bdf for d in (*machine.mates(found), *machine.siblings(found))}
    hands = {owners[bdf] for bdf in (found.bdf, *others) if bdf in owners}
    taken = {"group", "siblings"} if others <= hidden and len(hands) < 2 else set()
    return taken | ({"rmrr", "shared-rmrr"} if device.rdm_policy == "relaxed" else set())


def _company(
    machine: Machine, found: PciDevice, name: str, hidden: set[str], owners: dict[str, str]
) -> Iterator[Finding]:
    """Yield what is wrong about those that the device cannot, or should not, be parted from."""
    mates = machine.mates(found)
    if staying := [d for d in mates if d.bdf not in hidden]:
        yield Finding(
            "refuse",
            f"{name} needs care: it shares {place(found)} with {', '.join(f'{d.bdf} ({d.name})' for d in staying)}, "
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
                f"{name} needs care: it goes to {pair[0]}, and {mate.bdf} to {pair[1]}, which cannot be told apart",
                f"they share {place(found)}" if mate in mates else "they are one physical device",
                "give both to the same guest",
            )
    if parted := [d.bdf for d in siblings if d.bdf not in hidden and d not in mates]:
        yield Finding(
            "warn",
            f"{name} needs care: it is one physical device with {', '.join(parted)}, which stays in dom0",
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
