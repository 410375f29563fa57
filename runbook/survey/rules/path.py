"""What lies between a device and the processor."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import NF200, Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def path(machine: Machine, device: Device) -> Iterator[Reason]:
    for bridge in map(machine.device, device.path):
        if bridge and bridge.id in NF200:
            yield Reason("nf200", f"it is behind an NF200 switch ({bridge.bdf}), opaque to the IOMMU")
