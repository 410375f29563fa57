"""Which devices go together: IOMMU groups and physical devices, whole, with what may be done with each."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import FIRM, PLATFORM, RESERVED, STAY, Reason, verdict
from runbook.survey.together import together
from runbook.survey.verdict import NOTHING, Kept, judge

TOGETHER = ("group", "siblings")


@dataclass(frozen=True)
class Member:
    """One device of a group, with the reasons about it (`verdict.judge`)."""

    device: Device
    reasons: tuple[Reason, ...]

    @property
    def why(self) -> str:
        """The reasons in words; '' for a device with none."""
        return "; ".join(reason.text for reason in self.reasons)

    @property
    def is_platform(self) -> bool:
        """True for a part of the machine itself that nobody wants, and dom0 does not need."""
        return verdict(self.reasons) != STAY and any(reason.kind in PLATFORM for reason in self.reasons)

    @property
    def needs_rdm(self) -> bool:
        """True when Xen passes it only with `rdm_policy: relaxed` (H106)."""
        return any(reason.kind in RESERVED for reason in self.reasons)


@dataclass(frozen=True)
class Group:
    """Devices that are passed to one guest together, or not at all: all of them have the one verdict."""

    members: tuple[Member, ...]

    @property
    def number(self) -> int | None:
        """The IOMMU group; None where Linux shows none."""
        return self.members[0].device.group

    @property
    def verdict(self) -> str:
        """What each of its members is: `must stay`, `needs care` or `may be passed`."""
        return verdict(self._reasons)

    @property
    def is_offered(self) -> bool:
        """True when it is proposed for a guest: dom0 does not need it, and its cares can be read and taken."""
        return self.verdict != STAY and not FIRM & {reason.kind for reason in self._reasons}

    @property
    def is_platform(self) -> bool:
        """True when it is made of parts of the machine itself alone."""
        return all(member.is_platform for member in self.members)

    @property
    def _reasons(self) -> tuple[Reason, ...]:
        return tuple(reason for member in self.members for reason in member.reasons)

    @property
    def bdfs(self) -> tuple[str, ...]:
        return tuple(member.device.bdf for member in self.members)

    @property
    def why(self) -> str:
        """Why it is not simply passed, naming the member where there are several; '' when it may be."""
        if len(self.members) == 1:
            return self.members[0].why
        is_inside = TOGETHER if self.verdict != STAY else ()
        reasons = [
            f"{m.device.bdf}: {r.text}" for m in self.members for r in m.reasons if r.kind not in is_inside
        ]
        return "; ".join(["these go to one guest together", *reasons] if is_inside else reasons)


def groups(machine: Machine, guest_group: str = "", kept: Kept = NOTHING) -> tuple[Group, ...]:
    """Return all devices but bridges and the IOMMU itself, in groups, in the order of their addresses.

    `guest_group` is the volume group of the guests' disks, `kept` is what dom0 is to have (`verdict.ports`). What
    must stay is no company for what need not: the other port of a card that carries dom0's connection.
    """
    found: list[Group] = []
    seen: set[str] = set()
    for device in machine.devices:
        if device.bdf in seen or device.is_bridge or device.class_code.startswith("0806"):
            continue
        company = together(machine, device)
        seen |= {d.bdf for d in company}
        members = [Member(d, judge(machine, d, guest_group, kept)) for d in company]
        for stays in (True, False):
            if some := tuple(m for m in members if (verdict(m.reasons) == STAY) is stays):
                found.append(Group(some))
    return tuple(sorted(found, key=lambda group: group.bdfs))


def no_groups(found: tuple[Group, ...]) -> str:
    """Return in words what is to be known where Linux shows no IOMMU groups at all, '' where it shows some."""
    if any(group.number is not None for group in found):
        return ""
    seen = {r.kind: r for group in found for member in group.members for r in member.reasons}
    reason = next((seen[kind] for kind in seen if kind.startswith("groupless")), None)
    if reason is None:
        return "Linux shows no IOMMU groups that count: what goes together is judged by the buses and by ACS."
    return f"Linux shows no IOMMU groups that count, so what goes together is not known. To see them, {reason.do}."
