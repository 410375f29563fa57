"""What lies between a device and the processor."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import NF200, Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason

ON_CARDS = ("10de:05b8", "10de:05be")
"""The NF200 of cards with two processors: GTX 295, Quadro Plex S4 and Tesla (pci.ids of 2023-04-11)."""


def path(machine: Machine, device: Device) -> Iterator[Reason]:
    for bridge in map(machine.device, device.path):
        if bridge and bridge.id in NF200:
            kind = "nf200-card" if bridge.id in ON_CARDS else "nf200"
            yield Reason(kind, f"it is behind an NF200 switch ({bridge.bdf}), opaque to the IOMMU")
