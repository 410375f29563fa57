"""Proof that every device for the guests is still the one meant, out of dom0's hands, and assignable."""

from __future__ import annotations

from runbook.facts import modules, xen
from runbook.facts.modules import OPTIONS, Candidate
from runbook.facts.xen import Xen
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.params.host import Device

TITLE = "Prove that the hidden devices can be given to guests"
GUIDE = "“Xen Configuration”: nothing; a device that dom0 kept showed when its guest failed to start"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*xen.COMMANDS, *modules.commands(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Change nothing."""
    return Plan()


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Each device has its pinned id, is bound to pciback, and waits for a guest or has one."""
    now, running = modules.parse(facts, params), xen.parse(facts)
    if not running.version:
        do = "run the step prove_xen; it says why"
        what = "Xen does not run, so no device can be given away"
        return [Finding("wait", what, "", do, after="prove_xen")]
    found = []
    for device in params.passthrough.devices:
        here = now.device(device.bdf)
        finding = _identity(device, here) or _binding(device, here) or _readiness(device, running)
        if finding:
            found.append(finding)
    return found


def _identity(device: Device, here: Candidate | None) -> Finding | None:
    if here is not None and here.id == device.id:
        return None
    is_now = f"is {here.id} now" if here else "is nothing now"
    return Finding(
        "fail",
        f"At {device.bdf} {is_now}, not {device.id} ({device.what})",
        "addresses change when a card is added or the firmware is set anew; Xen numbers nothing by itself",
        f"find it with `lspci -Dnn -d {device.id}`, correct passthrough.devices, run 06_xen_configuration "
        "again",
        "H617",
    )


def _binding(device: Device, here: Candidate | None) -> Finding | None:
    if here is None or here.driver == "pciback":
        return None
    holder = f"dom0's driver {here.driver} holds it" if here.driver else "no driver holds it"
    return Finding(
        "fail",
        f"{device.bdf} ({device.what}) is not hidden",
        f"{holder}; xen-pciback was not loaded before it, or not with this address",
        "look whether `lsinitramfs /boot/initrd.img-$(uname -r) | grep pciback` shows the module and "
        f"{OPTIONS}; "
        "run 06_xen_configuration again",
    )


def _readiness(device: Device, running: Xen) -> Finding | None:
    guests = {domain.id: domain.name for domain in running.guests}
    holder = dict(running.assigned).get(device.bdf)
    if device.bdf in running.assignable or holder in guests:
        return None
    return Finding(
        "fail",
        f"{device.bdf} ({device.what}) cannot be given to a guest",
        "`xl pci-assignable-list` does not show it, and no running guest has it",
        f"run `xl pci-assignable-add {device.bdf}` on the host and read its message",
    )
