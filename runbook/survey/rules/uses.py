"""What dom0 does with a device now: its network, its keyboards."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def uses(machine: Machine, device: Device) -> Iterator[Reason]:
    for use in machine.network.uses_of(device.bdf):
        yield Reason("network", f"it carries {use}")
    for keyboard in machine.keyboards:
        if device.bdf in keyboard.path:
            yield Reason("keyboard", f"a keyboard is plugged into it ({keyboard.name})")
    things = [
        f"{p.kind} ({p.name})" if p.name else p.kind for p in machine.plugged if p.controller == device.bdf
    ]
    if things:
        yield Reason("plugged", f"plugged into it: {', '.join(things)}")
