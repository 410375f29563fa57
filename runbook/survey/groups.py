"""Which devices go together: IOMMU groups and physical devices, whole, with what may be done with each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.verdict import CARE, MAY, STAY, Reason, own, verdict

#: Cares that only a person who knows the machine can take on; with the others a device is simply passed.
FIRM = frozenset({"screen", "only-screen", "volumes", "board", "integrated"})


@dataclass(frozen=True)
class Member:
    """One device of a group, with the reasons that lie in itself; neighbours have none to add here."""

    device: Device
    reasons: tuple[Reason, ...]

    @property
    def why(self) -> str:
        """The reasons in words; '' for a device with none."""
        return "; ".join(reason.text for reason in self.reasons)

    @property
    def needs_rdm(self) -> bool:
        """True when Xen passes it only with `rdm_policy: relaxed` (H106)."""
        return any(reason.kind in ("rmrr", "shared-rmrr") for reason in self.reasons)


@dataclass(frozen=True)
class Group:
    """Devices that are passed to one guest together, or not at all."""

    members: tuple[Member, ...]

    @property
    def number(self) -> int | None:
        """The IOMMU group; None where Linux shows none."""
        return self.members[0].device.group

    @property
    def verdict(self) -> str:
        """`must stay` when any member must, `needs care` when any wants a person's decision."""
        reasons = tuple(reason for member in self.members for reason in member.reasons)
        found = verdict(reasons)
        return MAY if found == CARE and not FIRM & {r.kind for r in reasons} else found

    @property
    def bdfs(self) -> tuple[str, ...]:
        return tuple(member.device.bdf for member in self.members)

    @property
    def why(self) -> str:
        """Why it is not simply passed, naming the member where there are several; '' when it may be."""
        deciding = [
            (member, reason)
            for member in self.members
            for reason in member.reasons
            if reason.verdict == self.verdict and (self.verdict == STAY or reason.kind in FIRM)
        ]
        is_one = len(self.members) == 1
        return "; ".join(r.text if is_one else f"{m.device.bdf}: {r.text}" for m, r in deciding)


def groups(machine: Machine, guest_group: str = "", kept: dict[str, str] | None = None) -> tuple[Group, ...]:
    """Return all devices but bridges and the IOMMU itself, in groups, in the order of their addresses.

    `guest_group` is the volume group of the guests' disks. `kept` gives for the address of a device that
    the host shall keep the reason in words.
    """
    found: list[Group] = []
    seen: set[str] = set()
    for device in machine.devices:
        if device.bdf in seen or device.is_bridge or device.class_code.startswith("0806"):
            continue
        together = sorted(_together(machine, device), key=lambda d: d.bdf)
        seen |= {d.bdf for d in together}
        found.append(Group(tuple(_member(machine, d, guest_group, kept or {}) for d in together)))
    return tuple(found)


def _member(machine: Machine, device: Device, guest_group: str, kept: dict[str, str]) -> Member:
    reasons = own(machine, device, guest_group)
    if device.bdf in kept and verdict(reasons) != STAY:
        reasons = (Reason("network", kept[device.bdf]), *reasons)
    return Member(device, reasons)


def _together(machine: Machine, device: Device) -> Iterator[Device]:
    """Yield a device and all that it cannot be separated from: neighbours, and their neighbours."""
    todo, seen = [device], {device.bdf}
    while todo:
        this = todo.pop()
        yield this
        for other in (*machine.mates(this), *machine.siblings(this)):
            if other.bdf not in seen:
                seen.add(other.bdf)
                todo.append(other)
