"""Memory that the firmware keeps for a device (RMRR)."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def reserved(machine: Machine, device: Device) -> Iterator[Reason]:
    regions = [region for region in machine.reserved if device.bdf in region]
    others = sorted({bdf for region in regions for bdf in region} - {device.bdf})
    if others:
        yield Reason("shared-rmrr", f"it shares a reserved memory region (RMRR) with {', '.join(others)}")
    elif regions:
        yield Reason("rmrr", "the firmware keeps a reserved memory region (RMRR) for it")
