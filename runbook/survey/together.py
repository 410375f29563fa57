"""What goes together: the one answer for the table, the form's picker, the plans and `runbook new`.

Two kinds of company: *mates*, which the IOMMU cannot tell apart, and *siblings*, functions of one card that no reset
can part. Functions with a group and a reset of their own are neither, though they share a slot.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey import islands
from runbook.survey.machine import Machine

ALONE = frozenset({"device_specific", "acpi", "flr", "af_flr", "pm"})
"""The ways of Linux to reset one function and no other (Documentation/ABI/testing/sysfs-bus-pci, reset_method)."""


def together(machine: Machine, device: Device) -> tuple[Device, ...]:
    """Return a device and all that it cannot be parted from: its company, and theirs, in the order of their addresses."""
    return tuple(sorted(_closure(machine, device), key=lambda d: d.bdf))


def siblings(machine: Machine, device: Device) -> tuple[Device, ...]:
    """Return the functions of the same card that go with a device, less its mates."""
    mates = machine.mates(device)
    return tuple(d for d in machine.siblings(device) if d not in mates and not _is_apart(machine, device, d))


def place(machine: Machine, device: Device) -> str:
    """Return in words what a device shares with its mates."""
    if device.group is not None:
        return f"IOMMU group {device.group}"
    return "a conventional PCI bus" if islands.conventional(machine, device) else "a way without ACS"


def _is_apart(machine: Machine, one: Device, other: Device) -> bool:
    """Return whether two functions of one slot that the IOMMU tells apart are devices of their own."""
    if {one.bdf, other.bdf} & set(machine.physical):
        return True
    if not all(d.group is not None or islands.is_judged(machine, d) for d in (one, other)):
        return False
    if _is_screen(one) or _is_screen(other):
        return one.id[:4] != other.id[:4]
    if not one.path:
        return True  # a part of the chipset: no bus reset reaches it
    return bool(ALONE & {*one.reset_methods, *other.reset_methods})


def _is_screen(device: Device) -> bool:
    return device.class_code.startswith("03")


def _closure(machine: Machine, device: Device) -> Iterator[Device]:
    todo, seen = [device], {device.bdf}
    while todo:
        this = todo.pop()
        yield this
        for other in (*machine.mates(this), *siblings(machine, this)):
            if other.bdf not in seen:
                seen.add(other.bdf)
                todo.append(other)
