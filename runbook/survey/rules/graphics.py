"""Cards with a screen: whose it is, and what is known of the card (`knowledge/graphics.csv`, `integrated.csv`, `resets.csv`)."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason
from runbook.survey.xen_quirks import known

_SAYS = {
    "nvidia": "it is {what}, whose older drivers refuse to run in a guest",
    "laptop": "it is {what}: no connector of its own, and its ROM is in ACPI",
    "console": "it is {what}",
    "rebar": "it is {what}, which is slow without Resizable BAR",
    "amd-reset": "it is of an AMD family that works only once after each start of the host: {what}",
    "reset-reported": "of {what} owners report that it works only once after each start of the host",
}


def graphics(machine: Machine, device: Device) -> Iterator[Reason]:
    if not device.class_code.startswith("03"):
        return
    if device.is_boot_vga and any(d.class_code.startswith("03") and d != device for d in machine.devices):
        yield Reason("screen", "the machine's own screen is on it")
    elif device.is_boot_vga:
        yield Reason("only-screen", "the machine's only screen is on it")
    found = known("graphics", device)
    computes = any(entry.kind == "compute" for entry in found)
    for entry in (*found, *known("resets", device)):
        if entry.kind in _SAYS and not (computes and entry.kind == "laptop"):
            yield Reason(entry.kind, _SAYS[entry.kind].format(what=entry.what))
    for entry in known("integrated", device)[:1]:
        yield Reason(
            "integrated", f"it is graphics built into the processor ({entry.what}), which few guests can use"
        )
