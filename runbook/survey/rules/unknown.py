"""What dom0 uses without anybody being able to tell what it rests on: then it may rest on this device."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason

_DISKS = ("01", "0805", "0c04")
"""Classes of what has disks: mass storage, SD card readers, Fibre Channel (pci.ids, section C)."""
_CARDS = ("02", "0d")


def unknown(machine: Machine, device: Device) -> Iterator[Reason]:
    unplaced = machine.unplaced
    if unplaced and (device.class_code.startswith(_DISKS) or machine.storage.on_controller(device.bdf)):
        yield Reason("unplaced", f"no disk is known to carry {', '.join(unplaced)}, so one of its own may")
    unseen = machine.network.unseen
    if unseen and (device.class_code.startswith(_CARDS) or _has_card(machine, device)):
        kind = "unseen" if machine.has_card_in_use else "no-card"
        yield Reason(kind, f"no card is seen to carry {', '.join(unseen)}, so it may be this one")


def _has_card(machine: Machine, device: Device) -> bool:
    return any(device.bdf in interface.path for interface in machine.network.interfaces)
