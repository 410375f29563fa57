"""Whether a device can be made new for its next guest."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason

_OF_THE_BUS = frozenset({"bus", "cxl_bus"})


def resets(machine: Machine, device: Device) -> Iterator[Reason]:
    """A reset of the bus reaches all on it, so Linux does it only for what is there alone; `reset_method` lists it even so
    for the first function of a card, which was alone when it was found (drivers/pci/pci.c, pci_parent_bus_reset)."""
    if not device.reset_methods:
        yield Reason("reset", "Linux knows no way to reset it")
        return
    company = [d.bdf for d in machine.on_bus(device) if d != device]
    if company and device.path and _OF_THE_BUS.issuperset(device.reset_methods):
        yield Reason(
            "reset-shared",
            f"it can be reset only together with {', '.join(company)}, which Linux refuses",
        )
