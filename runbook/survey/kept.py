"""The survey that a host keeps of itself from before Xen, for what is invisible afterwards.

Under Xen, dom0 sees neither the processor's virtualisation flags nor any IOMMU group (facts
§10, and §9 no. 11), so both are written down while plain Debian still runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from runbook.errors import HostError
from runbook.facts.cpu import Cpu
from runbook.facts.firmware import Firmware
from runbook.facts.pci import Device

PATH = "/var/lib/xen-runbook/survey.json"
_ABOUT = "What this machine showed before Xen. The runbook reads it; delete it and it is made anew."
_FORMAT = 1


@dataclass(frozen=True)
class Kept:
    """What a kept survey says."""

    virtualisation: str
    nested_paging: str
    tables: tuple[str, ...]
    is_uefi: bool
    devices: dict[str, dict[str, Any]]
    """For each address: its id, IOMMU group and reset methods."""


def text(cpu: Cpu, firmware: Firmware, devices: Iterable[Device]) -> str:
    """Return the content of the file: the same text for the same machine, however often it is made."""
    value = {
        "about": _ABOUT,
        "format": _FORMAT,
        "cpu": {"virtualisation": cpu.virtualisation, "nested_paging": cpu.nested_paging},
        "firmware": {"acpi_tables": list(firmware.tables), "uefi": firmware.is_uefi},
        "pci": {
            d.bdf: {"id": d.id, "iommu_group": d.group, "reset_methods": list(d.reset_methods)}
            for d in devices
        },
    }
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def parse(content: str) -> Kept:
    """Return the kept survey. Raises `HostError` for a file that was not written by `text`."""
    try:
        value = json.loads(content)
        return Kept(
            virtualisation=value["cpu"]["virtualisation"],
            nested_paging=value["cpu"]["nested_paging"],
            tables=tuple(value["firmware"]["acpi_tables"]),
            is_uefi=value["firmware"]["uefi"],
            devices=dict(value["pci"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HostError(
            f"The kept survey {PATH} cannot be used",
            why=f"it is not what the runbook writes there ({type(error).__name__}: {error})",
            do=f"delete {PATH}; it is written anew when the machine next runs without Xen",
        ) from None


def complete(devices: Iterable[Device], kept: Kept | None) -> tuple[Device, ...]:
    """Return the devices with group and reset methods from the kept survey, where Linux shows none.

    A device with another id than the kept one is another device: it gets nothing.
    """
    return tuple(_complete(d, kept.devices.get(d.bdf, {}) if kept else {}) for d in devices)


def _complete(device: Device, entry: dict[str, Any]) -> Device:
    if entry.get("id") != device.id:
        return device
    return replace(
        device,
        group=entry["iommu_group"] if device.group is None else device.group,
        reset_methods=device.reset_methods or tuple(entry["reset_methods"]),
    )
