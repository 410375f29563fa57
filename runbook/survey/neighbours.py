"""The reasons about a device that lie in its neighbours: what it cannot be told from, is made from, or shares memory with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason
from runbook.survey.regions import is_left_alone
from runbook.survey.together import place, siblings

Stays = Callable[[Device], bool]
"""Tells of a device whether it must stay for a reason of its own."""


def neighbours(machine: Machine, device: Device, stays: Stays) -> Iterator[Reason]:
    """Yield the reasons that a device's neighbours are."""
    yield from _company(machine, device, stays)
    yield from _virtual(machine, device, stays)
    yield from _memory(machine, device, stays)


def _company(machine: Machine, device: Device, stays: Stays) -> Iterator[Reason]:
    mates = machine.mates(device)
    held = [d for d in mates if stays(d)]
    if held:
        yield Reason("held", f"it shares {place(machine, device)} with {_bdfs(held)}, which must stay")
    elif mates:
        yield Reason("group", f"it shares {place(machine, device)} with {_bdfs(mates)}")
    others = siblings(machine, device)
    kept = [d for d in others if stays(d) or any(map(stays, machine.mates(d)))]
    if kept:
        yield Reason(
            "parted",
            f"it is one physical device with {_bdfs(kept)}, which must stay, and none of them resets alone",
        )
    if rest := [d for d in others if d not in kept]:
        yield Reason("siblings", f"it is one physical device with {_bdfs(rest)}")


def _virtual(machine: Machine, device: Device, stays: Stays) -> Iterator[Reason]:
    made = machine.virtual.get(device.bdf, ())
    held = [bdf for bdf in made if (d := machine.device(bdf)) and stays(d)]
    if held:
        yield Reason(
            "virtual-held",
            f"its virtual {'function' if len(held) == 1 else 'functions'} {', '.join(held)} must stay",
        )
    elif made:
        yield Reason(
            "virtual-parent",
            f"its virtual functions {_few(made)} vanish when dom0's driver lets go of it",
        )


def _memory(machine: Machine, device: Device, stays: Stays) -> Iterator[Reason]:
    """Yield one reason: the worst that can be said about the reserved memory of a device."""
    mine = [region for region in machine.regions if device.bdf in region.bdfs]
    narrow = [region for region in mine if not region.is_for_all]
    for region in narrow:
        held = [d for d in machine.devices if d.bdf in region.bdfs and d != device and stays(d)]
        held = [d for d in held if not d.is_bridge]
        if held and not (region.is_relaxable and all(map(is_left_alone, (device, *held)))):
            what = f"it shares a {region.name} with {_few([d.bdf for d in held])}, which must stay"
            yield Reason("region-held", what)
            return
    for region in narrow:
        if others := sorted(region.bdfs - {device.bdf}):
            kind = "shared-rmrr" if region.table == "RMRR" else "shared-region"
            yield Reason(kind, f"it shares a {region.name} with {_few(others)}")
            return
    if narrow:
        yield Reason("rmrr", f"the firmware keeps a {narrow[0].name} for it")
    elif mine:
        yield Reason("open-region", f"the firmware keeps a {mine[0].name} open to every device")


def _bdfs(devices: list[Device] | tuple[Device, ...]) -> str:
    return ", ".join(d.bdf for d in devices)


def _few(bdfs: list[str] | tuple[str, ...]) -> str:
    """Return some addresses in words: of more than four the first three, and how many there are besides.

    >>> _few(["a", "b"]), _few(list("abcdef"))
    ('a, b', 'a, b, c and 3 more')
    """
    return ", ".join(bdfs) if len(bdfs) < 5 else f"{', '.join(bdfs[:3])} and {len(bdfs) - 3} more"
