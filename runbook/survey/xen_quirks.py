"""What Xen makes of a machine by itself: where it switches the IOMMU off, and what it must be told of a device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook.facts.pci import Device
from runbook.survey import knowledge


@dataclass(frozen=True)
class SwitchedOff:
    """A chipset on which Xen switches the IOMMU off."""

    bdf: str
    what: str
    """Which it is, in words."""
    is_sure: bool
    """False where it depends on a revision that nobody named."""


def iommu_off(devices: Iterable[Device], options: Iterable[str]) -> SwitchedOff | None:
    """Return the chipset for which Xen switches the IOMMU off, None where there is none.

    Xen looks at device 0, function 0 of each bus of domain 0, and only while it may remap interrupts: with
    `iommu=no-intremap` among its `options` it leaves the IOMMU on (vtd/quirks.c, platform_quirks_init).
    """
    if is_without_remapping(options):
        return None
    found = [off for device in devices if (off := _off(device)) is not None]
    return next((off for off in found if off.is_sure), found[0] if found else None)


def is_without_remapping(options: Iterable[str]) -> bool:
    """True where Xen's options leave interrupt remapping off; the last one that says anything counts.

    >>> is_without_remapping(["iommu=required", "iommu=verbose,no-intremap"]), is_without_remapping(["iommu=intremap"])
    (True, False)
    """
    parts = [part for word in options if word.startswith("iommu=") for part in word[6:].split(",")]
    choices = [part for part in parts if part.partition("=")[0] in ("intremap", "no-intremap")]
    off = ("no-intremap", *(f"intremap={no}" for no in ("0", "no", "off", "false", "disable")))
    return bool(choices) and choices[-1] in off


def _off(device: Device) -> SwitchedOff | None:
    if device.bdf.startswith("0000:") and device.bdf.endswith(":00.0"):
        for entry in known("xen", device):
            if entry.kind == "iommu-off":
                return SwitchedOff(device.bdf, entry.what, entry.is_sure(device.revision))
    return None


def phantom(device: Device) -> str:
    """Return the word for Xen's line about a device whose requests come from a function that it does not have, or ''.

    Xen takes such a word for function 0 (xen/drivers/passthrough/pci.c, alloc_pdev); the bus and the device are
    hexadecimal there as in an address, the domain may be left out where it is 0.
    """
    if not device.bdf.endswith(".0") or not known("phantom", device):
        return ""
    return f"pci-phantom={device.slot.removeprefix('0000:')},1"


def known(subject: str, device: Device) -> tuple[knowledge.Entry, ...]:
    """Return what is known of a device under a subject (`knowledge.SUBJECTS`)."""
    return knowledge.find(subject, device.id, device.class_code, device.revision, in_root=not device.path)
