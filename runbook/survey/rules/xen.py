"""What Xen itself does about a device: no IOMMU, requests that it would refuse, registers that it keeps."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason
from runbook.survey.xen_quirks import known, phantom

_OLD = ("bookworm",)
"""Releases of Debian whose Xen is older than 4.19."""


def xen(machine: Machine, device: Device) -> Iterator[Reason]:
    off = machine.iommu_off
    if off and off.is_sure:
        yield Reason("iommu-off", f"Xen switches the IOMMU off on this machine: it has {off.what}")
    elif off:
        yield Reason("iommu-doubt", f"Xen may switch the IOMMU off on this machine: it may have {off.what}")
    for entry in known("phantom", device):
        real = machine.device(f"{device.slot}.1")
        if real and real != device:
            yield Reason("phantom-real", f"a {entry.what} sends its requests as {real.bdf}")
        elif word := phantom(device):
            yield Reason(
                "phantom",
                f"a {entry.what} sends its requests as a function that is not there, "
                f"which Xen's IOMMU refuses unless Xen's line has {word}",
            )
    for entry in known("xen", device):
        if entry.kind == "msix-page" and machine.system.codename in _OLD:
            yield Reason(
                "msix-page", f"Xen before 4.19 keeps registers from a guest that the {entry.what} needs"
            )
