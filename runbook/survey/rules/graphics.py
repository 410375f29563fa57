"""Cards with a screen: whose it is, and what the maker makes of guests."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def graphics(machine: Machine, device: Device) -> Iterator[Reason]:
    if not device.class_code.startswith("03"):
        return
    vendor, number = device.id.split(":")
    if device.is_boot_vga and any(d.class_code.startswith("03") and d != device for d in machine.devices):
        yield Reason("screen", "the machine's own screen is on it")
    elif device.is_boot_vga:
        yield Reason("only-screen", "the machine's only screen is on it")
    if vendor == "10de":
        yield Reason("nvidia", "it is an NVIDIA card, whose older drivers refuse to run in a guest")
    elif vendor == "1002" and _resets_once(int(number, 16)):
        yield Reason("amd-reset", "it is of an AMD family that works only once after each start of the host")
    elif vendor == "8086" and not device.path:
        yield Reason("integrated", "it is graphics built into the processor, which few guests can use")


def _resets_once(number: int) -> bool:
    """True for Polaris, Vega 10 and 20, and Navi 1x (the families of gnif/vendor-reset)."""
    ranges = ((0x67C0, 0x67FF), (0x6860, 0x687F), (0x66A0, 0x66AF), (0x6980, 0x699F), (0x7310, 0x7362))
    return any(low <= number <= high for low, high in ranges)
