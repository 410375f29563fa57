"""Prove each network card that will be a guest's: traffic goes through it, from inside a small guest."""

from __future__ import annotations

from runbook.actions import Run, WriteFile
from runbook.facts import guests
from runbook.facts.guests import Domains
from runbook.guests import ending, probe
from runbook.guests.probe import Proof, Proofs
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.host import Device
from runbook.steps.shared import guest_needs

TITLE = "Prove that traffic goes through the passed-through network cards"
GUIDE = (
    "Xen DomU Configurations: devices are named in `pci=`; whether a guest really has them is never looked at"
)
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the proofs that the host keeps, and who has the devices now."""
    return (*guests.RUNNING, *probe.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return the proving program, where it is missing, and one run for each device without a proof."""
    devices = _to_prove(params)
    if not devices:
        return Plan(unasked="no device under passthrough.devices has `probe: network`")
    domains, proofs = guests.parse(facts), probe.parse(facts)
    due = [device for device in devices if _is_due(device, domains, proofs)]
    actions: list[WriteFile | Run] = []
    if facts.text(probe.PROGRAM) != probe.program():
        actions.append(WriteFile(probe.PROGRAM, probe.program(), mode="0755"))
    actions += [_prove(device) for device in due]
    held = (_held(device, domains) for device in due)
    return Plan(tuple(actions), (*guest_needs.xen(domains), *(f for f in held if f)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each device that no guest has proven, or that was proven before an upgrade."""
    domains, proofs = guests.parse(facts), probe.parse(facts)
    devices = _to_prove(params)
    if devices and (missing := guest_needs.xen(domains)):
        return list(missing)
    found = (_judge(device, proofs) for device in devices)
    return [finding for finding in found if finding]


def _to_prove(params: HostParams) -> list[Device]:
    return [device for device in params.passthrough.devices if device.probe == "network"]


def _is_due(device: Device, domains: Domains, proofs: Proofs) -> bool:
    """Return True when a device has to be proven now.

    A proof from before an upgrade of Xen or the kernel is renewed when the device is free: no
    running guest is stopped for that.
    """
    proof = proofs.by_bdf.get(device.bdf)
    if proof is None or proof.wrong(device):
        return True
    return proofs.is_stale(proof) and domains.answered and domains.holder_of(device.bdf) is None


def _prove(device: Device) -> Run:
    return Run(
        probe.command(device),
        f"{device.what}: a guest with this device only gets a DHCP lease and pings the gateway",
        timeout_s=probe.TIMEOUT_S + 120,
    )


def _held(device: Device, domains: Domains) -> Finding | None:
    holder = domains.holder_of(device.bdf)
    if holder is None or holder.name == probe.domain_name(device):
        return None  # a probe guest that was left behind is removed by the next one
    return Finding(
        "refuse",
        f"{device.bdf} cannot be proven: the running guest '{holder.name}' has it",
        "two guests cannot have one device",
        f"stop that guest ({ending.by_hand(holder.name)}) and run this step again; "
        "or set `probe: none` for the device",
    )


def _judge(device: Device, proofs: Proofs) -> Finding | None:
    proof = proofs.by_bdf.get(device.bdf)
    if proof is None:
        why, level_is_fail = "no guest has reported it", True
    else:
        why, level_is_fail = proof.wrong(device), bool(proof.wrong(device))
    if level_is_fail:
        return Finding(
            "fail",
            f"{device.bdf} ({device.what}) is not proven",
            why,
            f"see that its cable leads to a network with DHCP, then run this step in mode apply; "
            f"the guest's console is kept in {probe.RESULTS}/{device.bdf}.console",
        )
    return _old(device, proof, proofs) if proof and proofs.is_stale(proof) else None


def _old(device: Device, proof: Proof, proofs: Proofs) -> Finding:
    return Finding(
        "warn",
        f"{device.bdf} was proven before an upgrade",
        f"with Xen {proof.xen} and Linux {proof.kernel}; now they are {proofs.xen} and {proofs.kernel}",
        "run this step again when no guest has the device",
    )
