"""What Xen itself would do to this machine, said before Xen is ever started: no IOMMU, and disks that it cuts off."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.survey import Machine
from runbook.survey.xen_quirks import is_without_remapping, known, phantom

_SOURCE = "Xen 4.17 and 4.20, vtd/quirks.c, tylersburg_intremap_quirk"


def iommu(params: HostParams, machine: Machine) -> Iterator[Finding]:
    """Yield the finding about a chipset on which Xen switches the IOMMU off, or only remaps no interrupts."""
    off = machine.iommu_off
    if off and off.is_sure:
        stops = params.xen.iommu == "required"
        yield Finding(
            "refuse",
            f"Xen switches the IOMMU off on this machine: {off.bdf} is {off.what}",
            "its interrupt remapping is broken in hardware, whatever the firmware's menu says; "
            + ("with iommu=required Xen stops at boot" if stops else "no device can be passed"),
            "use another machine for passing devices; or add iommu=no-intremap to xen.options, which leaves the IOMMU "
            "on without interrupt remapping, and give devices only to guests that you trust"
            + ("; or set xen.iommu to `yes` and pass none" if stops else ""),
            _SOURCE,
        )
    elif off:
        yield Finding(
            "warn",
            f"Xen may switch the IOMMU off on this machine: {off.bdf} may be {off.what}",
            "its revision is not known; with iommu=required Xen would stop at boot",
            f"look at the revision: `lspci -s {off.bdf}` shows it at the end of the line",
            _SOURCE,
        )
    elif is_without_remapping(params.xen.options):
        yield Finding(
            "warn",
            "xen.options switch interrupt remapping off",
            "a guest with a device can then send false interrupts to the host",
            "give devices only to guests that you trust",
            "xen-command-line, iommu",
        )


def phantoms(params: HostParams, machine: Machine) -> Iterator[Finding]:
    """Yield dom0's own controllers that Xen's IOMMU would cut off; what is hidden for a guest is judged as such."""
    hidden = {device.bdf for device in params.passthrough.devices}
    for device in machine.devices:
        word = phantom(device)
        if not word or device.bdf in hidden or word in params.xen.options:
            continue
        if machine.device(f"{device.slot}.1") is not None:
            continue
        disks = machine.storage.on_controller(device.bdf)
        on_it = f", with {', '.join(disk.name for disk in disks)} on it" if disks else ""
        yield Finding(
            "warn",
            f"Under Xen dom0 loses {device.bdf} ({known('phantom', device)[0].what}){on_it}",
            "it sends its requests as a function that is not there, and Xen's IOMMU refuses them",
            f"add {word} to xen.options before Xen is started",
            "xen-command-line, pci-phantom; Linux, quirk_dma_func1_alias",
        )
