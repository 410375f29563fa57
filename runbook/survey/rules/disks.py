"""What dom0 has on the disks of a controller."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def disks(machine: Machine, device: Device, guest_group: str) -> Iterator[Reason]:
    storage = machine.storage
    found = storage.on_controller(device.bdf)
    disks = ", ".join(d.name for d in found)
    mounted = sorted({place for d in found for place in storage.places(d.path)})
    if mounted:
        yield Reason("disk", f"dom0 uses {', '.join(mounted)} on its disk {disks}")
    uses = sorted({use for d in found for use in storage.uses(d.path)}, key=lambda use: (use.kind, use.who))
    for use in uses:
        if use.kind == "group" and use.who == guest_group:
            yield Reason("disk", f"its disk {disks} holds the guests' volume group {use.who}")
        elif use.kind == "group" and use.who and storage.is_mounted(use.who) and not mounted:
            yield Reason("disk", f"its disk {disks} holds a part of {use.who}, which dom0 has mounted")
        elif use.is_part and not mounted:
            yield Reason("volumes", f"its disk {disks} holds {use.whole}")
        elif use.kind == "holder" and not mounted and not any(other.is_part for other in uses):
            yield Reason(
                "volumes", f"its disk {disks} carries the mapping {use.who}, which something may have open"
            )
