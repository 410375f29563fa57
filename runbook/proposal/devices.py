"""The devices of a machine in a parameter file: those that guests can have, and the others with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from runbook.params.host import Device
from runbook.proposal.commented import above, beside, clean, commented, flow, folded
from runbook.survey.groups import Group, Member, no_groups
from runbook.survey.reasons import CARE

_PASSTHROUGH = """\
# Devices that guests can have. dom0 gives up all that stand here: take out what it shall keep.
# The devices of one IOMMU group, or of one card, go to one guest together. An id pins its device: another
# card at that address is refused."""


def add_devices(
    top: CommentedMap,
    groups: tuple[Group, ...],
    hidden: frozenset[str] | None,
    told: dict[str, dict[str, Any]],
) -> list[str]:
    """Add the devices that guests can have; return the lines about the others, which come after them.

    `hidden` are those that dom0 has given up already, None before Xen: then all that can be given are added. `told`
    is what the guests' own files say of their devices.
    """
    may = [g for g in groups if g.is_offered and all(map(is_writable, g.members))]
    if hidden is not None:
        parts = (tuple(m for m in g.members if m.device.bdf in hidden and is_writable(m)) for g in groups)
        may = [Group(part) for part in parts if part]
    devices = CommentedSeq() if may else flow(())
    top["passthrough"] = CommentedMap(devices=devices)
    lines = ["", *_PASSTHROUGH.splitlines()]
    if hidden:
        lines.append("# These are hidden now; what could be given away and is not stands below as a comment.")
    if said := no_groups(groups):
        lines += folded(said)
    above(top, "passthrough", lines)
    for group in may:
        for index, member in enumerate(group.members):
            devices.append(_device(member, told))
            if index == 0 and len(group.members) > 1:
                above(
                    devices, len(devices) - 1, folded(f"{_place(group)}: these go to one guest together", 4)
                )
    given = {bdf for group in may for bdf in group.bdfs}
    others = (tuple(m for m in g.members if m.device.bdf not in given) for g in groups)
    rest = [line for part in others if part for line in _kept(Group(part))]
    return ["  # Not offered, each with the reason:", *rest] if rest else []


def _place(group: Group) -> str:
    return "one device" if group.number is None else f"IOMMU group {group.number}"


def _kept(group: Group) -> Iterator[str]:
    decide = ", so it is for you to decide" if group.verdict == CARE else ""
    why = group.why or "it is not hidden now"
    yield from folded(f"{_place(group)} {group.verdict}{decide}: {why}", 4)
    for member in group.members:
        yield from commented([device_entry(member)], 4)


def _device(member: Member, told: dict[str, dict[str, Any]]) -> CommentedMap:
    said = told.get(member.device.bdf, {})
    entry = CommentedMap(device_entry(member) | (said if said.get("id") == member.device.id else {}))
    below = [
        line
        for reason in member.reasons
        for line in folded(f"{reason.verdict}: {reason.text}: {reason.do}", 6)
    ]
    if member.device.class_code.startswith("0200"):
        below.append(
            "      # probe: network  # proves it in a small guest, where a cable with DHCP is plugged in"
        )
    policy = "the firmware keeps memory reserved for it (H106)" if "rdm_policy" in entry else ""
    last = list(entry)[-1]
    if policy and last != "rdm_policy":
        beside(entry, "rdm_policy", policy)
    beside(entry, last, policy if last == "rdm_policy" else "", below)
    return entry


def is_writable(member: Member) -> bool:
    """Return whether a device can stand in a parameter file: the machine may have named it as nothing is."""
    try:
        Device.model_validate(device_entry(member))
    except ValidationError:
        return False
    return True


def device_entry(member: Member) -> dict[str, str]:
    """Return a device as it stands under passthrough.devices, pinned by its id."""
    device = member.device
    what = clean(" ".join(f"{device.class_name}, {device.name}".split()))[:300]
    entry = {"bdf": device.bdf, "id": device.id, "what": what}
    return entry | ({"rdm_policy": "relaxed"} if member.needs_rdm else {})
