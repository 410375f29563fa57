"""What may be done with a device: may be passed, needs care, must stay; and every reason why.

`judge` is the one place where this is decided: the table, the form's picker, the plans that hide devices and
`runbook new` all say what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from runbook.facts.pci import Device
from runbook.survey.hanging import hanging_on
from runbook.survey.machine import Machine
from runbook.survey.neighbours import neighbours
from runbook.survey.reasons import STAY, USES, Reason, verdict, worst
from runbook.survey.rules import ALL
from runbook.survey.rules.disks import disks

__all__ = ["NOTHING", "Kept", "every", "judge", "own", "ports", "verdict"]

Kept = Mapping[str, str]
"""For the address of a device that the parameters keep in dom0 the reason in words."""
NOTHING: Kept = MappingProxyType({})


def ports(machine: Machine, bridges: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Return the cards that become ports of bridges, each with the reason in words; a bridge is its name and its ports."""
    found = {}
    for bridge, names in bridges:
        cards = {card for name in names for card in machine.network.cards_below(name)}
        for interface in machine.network.interfaces:
            if interface.name in cards and interface.controller:
                found[interface.controller] = f"it is {interface.name}, a port of the bridge {bridge}"
    return found


def judge(
    machine: Machine, device: Device, guest_group: str = "", kept: Kept = NOTHING
) -> tuple[Reason, ...]:
    """Return the reasons about a device: its own, then those of its neighbours.

    Of a device that must stay only the reasons why are given. `guest_group` is the volume group
    of the guests' disks, which dom0 needs as it needs its own; `kept` is what dom0 is to have besides (`ports`).
    """
    return worst(every(machine, device, guest_group, kept))


def every(
    machine: Machine, device: Device, guest_group: str = "", kept: Kept = NOTHING
) -> tuple[Reason, ...]:
    """Return all that speaks against a device, or asks for care with it, whatever the verdict."""

    def stays(other: Device) -> bool:
        return verdict(own(machine, other, guest_group, kept)) == STAY

    mine = own(machine, device, guest_group, kept)
    return mine if device.is_bridge else (*mine, *neighbours(machine, device, stays))


def own(machine: Machine, device: Device, guest_group: str = "", kept: Kept = NOTHING) -> tuple[Reason, ...]:
    """Return the reasons that lie in the device itself and in what dom0 does with it.

    Each of its neighbours asks for them in turn, so a machine remembers them.
    """
    key = (device.bdf, guest_group, frozenset(kept.items()))
    if key not in machine.judged:
        machine.judged[key] = _own(machine, device, guest_group, kept)
    return machine.judged[key]  # type: ignore[no-any-return]


def _own(machine: Machine, device: Device, guest_group: str, kept: Kept) -> tuple[Reason, ...]:
    if device.is_bridge:
        return (Reason("bridge", "it is a bridge, and Xen gives no bridge to a guest"),)
    found = _alone(machine, device, guest_group, kept)
    if verdict(found) == STAY:
        return found
    others = hanging_on(machine, device)
    lost = [d.bdf for d in others if USES & {r.kind for r in _alone(machine, d, guest_group, kept)}]
    if lost:
        return (
            Reason("carries", f"{', '.join(lost)} is reached through it, which dom0 uses or may use"),
            *found,
        )
    return found


def _alone(machine: Machine, device: Device, guest_group: str, kept: Kept) -> tuple[Reason, ...]:
    """Return the reasons that lie in the device and in what dom0 does with it, whatever is reached through it."""
    held = disks(machine, device, guest_group)
    found = (*held, *(reason for rule in ALL for reason in rule(machine, device)))
    if device.bdf in kept and verdict(found) != STAY:
        return (Reason("port", kept[device.bdf]), *found)
    return found
