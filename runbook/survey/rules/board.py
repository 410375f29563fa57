"""Parts of the platform, of little use to a guest (`knowledge/platform.csv`)."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason
from runbook.survey.xen_quirks import known


def board(machine: Machine, device: Device) -> Iterator[Reason]:
    if device.class_code.startswith("0806"):
        yield Reason("iommu", "it is the IOMMU itself")
        return
    for entry in known("platform", device)[:1]:
        yield Reason("board", f"it is {entry.what}, of little use to a guest")
    if device.class_code.startswith("0403") and any(known("integrated", d) for d in machine.siblings(device)):
        yield Reason(
            "board", "it is the sound of graphics built into the processor, of little use to a guest"
        )
