"""Whether it is known what a device can be told from, and whether it is there of itself."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey import islands
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def isolation(machine: Machine, device: Device) -> Iterator[Reason]:
    """Yield that no IOMMU group is known and ACS is not either, and that a device is a virtual function."""
    if device.group is None and not islands.is_judged(machine, device):
        yield _groupless(machine)
    if device.bdf in machine.physical:
        of = " or ".join(machine.physical[device.bdf]) or "a card of this machine"
        yield Reason("virtual", f"it is a virtual function of {of}, whose driver makes it")


def _groupless(machine: Machine) -> Reason:
    what = "so nobody can say what else its guest could reach"
    if machine.isolation.is_forced and not machine.system.is_dom0:
        why = "the kernel was told to split IOMMU groups by force (pcie_acs_override)"
        return Reason("groupless-forced", f"{why}, {what}")
    if not machine.system.is_dom0:
        return Reason("groupless", f"Linux shows no IOMMU group of it, {what}")
    if machine.kept is None:
        return Reason(
            "groupless-xen",
            f"under Xen Linux shows no IOMMU groups, and no survey from before is kept, {what}",
        )
    return Reason("groupless-xen", f"the survey from before Xen knows no IOMMU group of it, {what}")
