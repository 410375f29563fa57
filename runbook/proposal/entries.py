"""A device as it stands in a parameter file, and whether it can."""

from __future__ import annotations

from pydantic import ValidationError

from runbook.params.host import Device
from runbook.proposal.commented import clean
from runbook.survey.groups import Group, Member


def is_offer(group: Group) -> bool:
    """Return whether a group is offered, and can stand in a file as it is."""
    return group.is_offered and all(map(is_writable, group.members))


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
