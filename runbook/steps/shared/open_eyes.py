"""A device that is passed although neighbours of its IOMMU group stay in dom0: what is risked, and who agreed to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from runbook.facts.pci import Device
from runbook.model.plan import Finding, canonical
from runbook.params import HostParams
from runbook.survey import STAY, Machine, islands
from runbook.survey.reasons import Reason
from runbook.survey.together import place
from runbook.survey.verdict import own, ports, verdict

STEP = "survey_devices"
"""The step whose name such a consent bears: the one that judges the devices, in every notebook that hides some."""
_SOURCE = "docs/decisions/0037"


@dataclass(frozen=True)
class Risk:
    """One device, and the neighbours that it is parted from."""

    device: Device
    beside: tuple[tuple[Device, tuple[Reason, ...]], ...]
    """Each neighbour that would stay in dom0, with the reasons why it must; none for one that dom0 does not need."""
    where: str
    """What they share, in words."""
    has_one_number: bool
    """True where they send under one number: Xen cannot give dom0 and a guest a part each then."""

    @property
    def line(self) -> str:
        """The line of `consent` that takes it on; another one as soon as a neighbour, or what dom0 has on it, is another."""
        seen = [(d.bdf, d.id, tuple(sorted({r.kind for r in why}))) for d, why in self.beside]
        text = canonical((self.device.bdf, self.device.id, tuple(sorted(seen))))
        return f"{STEP}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def names(self) -> str:
        return ", ".join(f"{d.bdf} ({d.name})" for d, _ in self.beside)

    @property
    def words(self) -> str:
        """What a guest could do, in plain words."""
        kept = [f"of {d.bdf} it is known that {reason.text}" for d, why in self.beside for reason in why]
        return (
            "the IOMMU does not stand between them: through its card the guest can read and change what these devices "
            "read and write, by malice or by a mere mistake of its driver" + "".join(f"; {k}" for k in kept)
        )

    def is_agreed(self, params: HostParams) -> bool:
        """Return whether the parameters take it on."""
        return not self.has_one_number and self.line in params.consent

    def finding(self, params: HostParams, name: str) -> Finding:
        """Return the refusal, or for those who agreed the warning that says what they agreed to."""
        if self.is_agreed(params):
            return Finding(
                "warn",
                f"{name} needs care: it is taken on with open eyes, parted from {self.names}, which stays in dom0 "
                f"and shares {self.where} with it",
                f"'{self.line}' in `consent` says so; {self.words}",
                "give it only to a guest that you trust as you trust dom0; without that line it is refused",
                _SOURCE,
            )
        is_needed = any(verdict(why) == STAY for _, why in self.beside)
        do = "move the card to another slot"
        if not is_needed:
            do = f"name these under passthrough.devices too, or {do}"
        if not self.has_one_number:
            do += f"; or take it on with open eyes, with '{self.line}' in `consent`: {self.words}"
        return Finding(
            "refuse",
            f"{name} needs care: it shares {self.where} with {self.names}, which would stay in dom0",
            "they send under one number, so the one cannot be a guest's and the other dom0's"
            if self.has_one_number
            else "the IOMMU cannot tell them apart: the guest could reach what dom0 uses",
            do,
            _SOURCE,
        )


def risk(machine: Machine, device: Device, hidden: set[str], params: HostParams) -> Risk | None:
    """Return what is risked when a device is passed, None where none of its mates stays in dom0."""
    staying = [d for d in machine.mates(device) if d.bdf not in hidden]
    if not staying:
        return None
    kept = ports(machine, ((bridge.name, bridge.ports) for bridge in params.network.bridges))
    group = params.storage.guest_volume_group
    needed = ((d, own(machine, d, group, kept)) for d in staying)
    beside = tuple((d, tuple(r for r in why if r.verdict == STAY)) for d, why in needed)
    has_one_number = not set(staying).isdisjoint(islands.under_one_number(machine, device))
    return Risk(device, beside, place(machine, device), has_one_number)
