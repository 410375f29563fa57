"""Cards with a screen: whose it is, and what is known of the card (`knowledge/graphics.csv`, `integrated.csv`, `resets.csv`)."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason
from runbook.survey.xen_quirks import known

_SAYS = {
    "nvidia": "it is {what}, whose older drivers refuse to run in a guest",
    "laptop": "it is {what}, without a connector of its own",
    "console": "it is {what}",
    "rebar": "it is {what}, which is slow without Resizable BAR",
    "amd-reset": "it is of an AMD family that works only once after each start of the host: {what}",
    "reset-reported": "of {what} owners report that it works only once after each start of the host",
}


def graphics(machine: Machine, device: Device) -> Iterator[Reason]:
    if not device.class_code.startswith("03"):
        return
    yield from _screen(machine, device)
    integrated = known("integrated", device)
    found = known("graphics", device)
    # A card for computing has no connector either, and none is missed; a desktop has no second processor of a laptop.
    is_no_laptop = (
        integrated or machine.displays.is_laptop is False or any(e.kind == "compute" for e in found)
    )
    for entry in (*found, *known("resets", device)):
        if entry.kind == "laptop" and is_no_laptop:
            continue
        if entry.kind in _SAYS:
            text = _SAYS[entry.kind].format(what=entry.what)
            lacks = entry.kind == "laptop" and machine.bars.lacks_rom(device.bdf)
            yield Reason(entry.kind, f"{text}, and without a ROM" if lacks else text)
    for entry in integrated[:1]:
        what = f"it is graphics built into the processor ({entry.what}), which few guests can use"
        yield Reason("integrated", what)


def _screen(machine: Machine, device: Device) -> Iterator[Reason]:
    """Yield whose screen it is: what the firmware calls the primary display, and the card behind dom0's console."""
    others = any(d.class_code.startswith("03") and d != device for d in machine.devices)
    plugged = machine.displays.monitors.get(device.bdf, ())
    on_it = f" (a monitor at {', '.join(plugged)})" if plugged else ""
    if device.is_boot_vga:
        kind, only = ("screen", "own") if others else ("only-screen", "only")
        yield Reason(kind, f"the machine's {only} screen is on it{on_it}")
    elif machine.displays.console == device.bdf:
        yield Reason("screen", f"dom0's console is on it{on_it}")
