"""The PCI devices and who has them. A card that was put into another slot is the same card."""

from __future__ import annotations

from collections import defaultdict

from runbook.drift.named import Things, listed
from runbook.facts import pci, xen
from runbook.model.ask import Facts


def read(facts: Facts) -> Things:
    """Return every PCI device by its address."""
    running = xen.parse(facts) if all(ask in facts for ask in xen.COMMANDS) else None
    return {device.bdf: _fields(device, running) for device in pci.parse(facts)}


def pair(before: Things, after: Things) -> Things:
    """Return the devices of before under the address that each has now, the moved ones too.

    A device is the same when its id is; of several alike, those that are left over are paired in order.
    """
    left: dict[str, list[str]] = defaultdict(list)
    for bdf, thing in after.items():
        if before.get(bdf, {}).get("id") != thing["id"]:
            left[thing["id"]].append(bdf)
    found, gone = {}, {}
    for bdf, thing in before.items():
        same = after.get(bdf, {}).get("id") == thing["id"]
        if same or left[thing["id"]]:
            found[bdf if same else left[thing["id"]].pop(0)] = thing
        else:
            gone[bdf] = thing
    for bdf, thing in gone.items():
        # An address that another device has taken keeps that device's line.
        found[bdf if bdf not in found else f"{bdf} before"] = thing
    return found


def _fields(device: pci.Device, running: xen.Xen | None) -> dict[str, str]:
    found = {
        "id": device.id,
        "is": f"{device.name}, {device.class_name}",
        "at": device.bdf,
        "driver": device.driver or "none",
    }
    if running is None or not running.version:
        return found
    names = {domain.id: domain.name for domain in running.domains}
    holders = [names.get(number, f"guest {number}") for bdf, number in running.assigned if bdf == device.bdf]
    waits = ["nobody yet"] if device.bdf in running.assignable else []
    return {**found, "belongs to": listed([*holders, *waits] or ["dom0"])}
