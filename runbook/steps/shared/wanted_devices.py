"""The devices that the parameters give to guests, judged on the machine as it is: which must stay, which need care."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from runbook import survey
from runbook.facts.pci import Device as PciDevice
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Level
from runbook.params import HostParams
from runbook.params.host import Device
from runbook.steps.shared import open_eyes
from runbook.survey import STAY, Machine
from runbook.survey.reasons import Reason, worst
from runbook.survey.regions import is_left_alone
from runbook.survey.together import place, siblings
from runbook.survey.verdict import every, ports
from runbook.survey.xen_quirks import phantom


def asks() -> tuple[Ask, ...]:
    """Return the questions of the survey."""
    return survey.asks()


def findings(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what speaks against hiding the devices of the parameters, and what needs care, device by device (H616, H617)."""
    return list(on_machine(params, survey.read(facts, params.xen.options)))


def on_machine(params: HostParams, machine: Machine) -> Iterator[Finding]:
    """Yield what `findings` returns, for whoever has read the machine already."""
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
        risk = open_eyes.risk(machine, found, hidden, params) if not found.is_bridge else None
        company = list(_company(machine, found, name, hidden, owners)) if not found.is_bridge else []
        company = [risk.finding(params, name), *company] if risk else company
        reasons = every(machine, found, params.storage.guest_volume_group, kept)
        if risk and risk.is_agreed(params):
            reasons = tuple(reason for reason in reasons if reason.kind != "held")
        taken = _taken(machine, found, device, hidden, owners)
        taken |= {"phantom"} if phantom(found) in params.xen.options else set()
        said = {"group", "siblings"} - taken if company else set()
        yield from _verdict(worst(reasons), name, taken, said)
        yield from company
        yield from _without_parent(machine, found, name, hidden)
    yield from _memory(machine, owners, {d.bdf: d.what for d in wanted})
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
            is_refused = reason.kind in ("shared-rmrr", "region-held") and "rmrr" not in taken
            level: Level = "fail" if is_refused else "warn"
            why, level = ("the parameters do so", "info") if reason.kind in taken else ("", level)
            yield Finding(level, f"{name} needs care: {reason.text}", why, reason.do, reason.source)


def _taken(
    machine: Machine, found: PciDevice, device: Device, hidden: set[str], owners: dict[str, str]
) -> set[str]:
    """Return the kinds of care that the parameters take: the whole group in one hand, memory that may be shared."""
    others = {d.bdf for d in (*machine.mates(found), *siblings(machine, found))}
    hands = {owners[bdf] for bdf in (found.bdf, *others) if bdf in owners}
    taken = {"group", "siblings"} if others <= hidden and len(hands) < 2 else set()
    return taken | ({"rmrr", "shared-rmrr", "open-region"} if device.rdm_policy == "relaxed" else set())


def _company(
    machine: Machine, found: PciDevice, name: str, hidden: set[str], owners: dict[str, str]
) -> Iterator[Finding]:
    """Yield what is wrong about those that the device cannot, or should not, be parted from."""
    mates = machine.mates(found)
    others = siblings(machine, found)
    for mate in dict.fromkeys((*mates, *others)):
        pair = owners.get(found.bdf), owners.get(mate.bdf)
        if None not in pair and pair[0] != pair[1] and found.bdf < mate.bdf:
            yield Finding(
                "refuse" if mate in mates else "warn",
                f"{name} needs care: it goes to {pair[0]}, and {mate.bdf} to {pair[1]}, which cannot be told apart",
                f"they share {place(machine, found)}" if mate in mates else "they are one physical device",
                "give both to the same guest",
            )
    if parted := [d.bdf for d in others if d.bdf not in hidden]:
        yield Finding(
            "warn",
            f"{name} needs care: it is one physical device with {', '.join(parted)}, which stays in dom0",
            "a reset of the one may reset the others",
            "name these under passthrough.devices too",
        )


def _without_parent(machine: Machine, found: PciDevice, name: str, hidden: set[str]) -> Iterator[Finding]:
    """Yield that a virtual function is asked for whose physical function dom0 is to give up."""
    parents = machine.physical.get(found.bdf, ())
    if parents and hidden.issuperset(parents):
        yield Finding(
            "refuse",
            f"{name} is a virtual function of {' or '.join(parents)}, which passthrough.devices hides too",
            "its driver makes the virtual functions; without it in dom0 there are none",
            "take the one or the other out of passthrough.devices",
        )


def _memory(machine: Machine, owners: dict[str, str], names: dict[str, str]) -> Iterator[Finding]:
    """Yield the pieces of reserved memory that two guests would share."""
    for region in machine.regions:
        found = [d for d in machine.devices if d.bdf in region.bdfs and d.bdf in owners and d.bdf in names]
        if region.is_for_all or len({owners[d.bdf] for d in found}) < 2:
            continue
        hands = ", ".join(f"{d.bdf} ({names[d.bdf]}) to {owners[d.bdf]}" for d in found)
        is_quiet = region.is_relaxable and all(map(is_left_alone, found))
        yield Finding(
            "warn" if is_quiet else "refuse",
            f"Two guests would share a {region.name}: {hands}",
            "either guest can write there what the other one's device reads"
            + ("; drivers of USB and graphics use it no more once they run" if is_quiet else ""),
            "give them to the same guest",
            "H106",
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
