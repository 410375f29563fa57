"""What the hardware cannot tell apart where Linux shows no IOMMU group: judged by the bus, and by ACS where that is known.

These are Linux' own rules (`pci_device_group` in drivers/iommu/iommu.c, `pci_acs_enabled` in drivers/pci/pci.c), less its
list of chips that keep devices apart without saying so: what they would split stays one here. Stricter than Linux, a
port of a switch that has no ACS joins what is below with what is below the switch's other ports. Linux and Xen
both switch ACS on wherever it can be, so that a device has it is what counts, not that it is on now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook.facts.isolation import DOWN
from runbook.survey.xen_quirks import known

if TYPE_CHECKING:
    from runbook.facts.pci import Device
    from runbook.survey.machine import Machine


def conventional(machine: Machine, device: Device) -> str:
    """Return the outermost bridge to conventional PCI above a device, '' when there is none.

    Whatever is below it sends its requests under the bridge's own number.
    """
    return next((bridge for bridge in device.path if machine.is_conventional(bridge)), "")


def under_one_number(machine: Machine, device: Device) -> tuple[Device, ...]:
    """Return the devices whose requests bear the number that a device's requests bear.

    Those are all behind its bridge to conventional PCI, and the function in whose name a phantom function speaks.
    """
    bridge = conventional(machine, device)
    behind = machine.behind(bridge) if bridge else ()
    return tuple(d for d in dict.fromkeys((*behind, *in_its_name(machine, device))) if d != device)


def in_its_name(machine: Machine, device: Device) -> tuple[Device, ...]:
    """Return the other one of two functions of which one speaks in the other's name (`knowledge`, phantom)."""
    first, second = machine.device(f"{device.slot}.0"), machine.device(f"{device.slot}.1")
    if first and second and device in (first, second) and known("phantom", first):
        return (second if device == first else first,)
    return ()


def is_judged(machine: Machine, device: Device) -> bool:
    """Return whether the capabilities of a device and of every bridge above it could be read."""
    return all(bdf in machine.isolation.kinds for bdf in (device.bdf, *device.path))


def island(machine: Machine, device: Device) -> str:
    """Return a name that a device shares with all that cannot be told from it.

    Without ACS being known only a bus of conventional PCI is such a name, and a device is its own otherwise.
    """
    point = conventional(machine, device) or device.bdf
    if not is_judged(machine, device):
        return point
    above = device.path if point == device.bdf else device.path[: device.path.index(point)]
    open_ways = (at for at, bridge in enumerate(above) if not _keeps_apart(machine, bridge))
    if (first := next(open_ways, None)) is not None:
        point = (
            above[first - 1]
            if first and machine.isolation.kinds[above[first]] == "Downstream Port"
            else above[first]
        )
    return point if _keeps_apart(machine, point) else point.rpartition(".")[0]


def _keeps_apart(machine: Machine, bdf: str) -> bool:
    """Return whether what goes through a device, or comes from it, passes the IOMMU first."""
    kind = machine.isolation.kinds.get(bdf, "")
    device = machine.device(bdf)
    if device is not None and kind not in DOWN and kind.endswith(("Port", "Endpoint")):
        return bdf in machine.isolation.acs or not machine.functions(device)
    return kind in DOWN and bdf in machine.isolation.acs
