"""The devices of a machine in a parameter file: those that somebody chose, and below them, as comments, what is offered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from runbook.proposal import rest
from runbook.proposal.commented import above, beside, commented, folded
from runbook.proposal.entries import device_entry, is_offer, is_writable
from runbook.proposal.machine import Proposal
from runbook.survey.groups import Group, Member, no_groups
from runbook.survey.reasons import RULES

_PASSTHROUGH = """\
# Devices that guests can have. Nothing is taken from dom0 that nobody chose: what stands below as a comment is an offer.
# To choose it, take away the `# ` before an entry and before all others of its group (`##` stays a comment), pick it in
# the form (`book.form()` in JupyterLab), or write this file anew with `runbook new … --pass ADDRESS`; --all takes them all.
# An id pins its device: another card at that address is refused."""

_PROBE = "      # probe: network  # proves it in a small guest, where a cable with DHCP is plugged in"


def add_devices(top: CommentedMap, seen: Proposal, told: dict[str, dict[str, Any]]) -> list[str]:
    """Add the devices that are chosen; return the lines about the others, which come after them.

    Chosen is what a person named, and what dom0 has given up already. `told` is what the guests' own files say of
    their devices.
    """
    chosen = [part for group in seen.groups if (part := _part(group, seen.chosen, is_in=True))]
    others = [part for group in seen.groups if (part := _part(group, seen.chosen, is_in=False))]
    devices = CommentedSeq()
    moves = {RULES[kind][1] for kind in ("groupless", "groupless-xen") if no_groups(seen.groups)}
    for group in chosen:
        devices.extend(_device(member, told, moves) for member in group.members)
        above(devices, len(devices) - len(group.members), _said(_about(group, seen, moves)))
    top["passthrough"] = CommentedMap(devices=devices or None)
    above(top, "passthrough", ["", *_PASSTHROUGH.splitlines(), *_notes(seen, bool(chosen))])
    offers = [group for group in others if is_offer(group)]
    lines = [line for group in offers for line in _offer(group, seen, told, moves)]
    left = [group for group in others if group not in offers]
    return [*lines, *rest.lines(left, seen, lambda group: _offer(group, seen, told, moves), moves)]


def _part(group: Group, chosen: frozenset[str], *, is_in: bool) -> Group | None:
    members = tuple(m for m in group.members if (m.device.bdf in chosen and is_writable(m)) is is_in)
    return Group(members) if members else None


def _notes(seen: Proposal, has_chosen: bool) -> Iterator[str]:
    """Yield what must be known of all devices: which are hidden already, and where groups are unknown."""
    if seen.hidden and has_chosen:
        yield "# The first ones are hidden now, and stay so."
    for text in seen.not_hidden:
        yield from folded(text)
    yield from folded(_without_groups(seen))


def _without_groups(seen: Proposal) -> str:
    """Return in words what is to be known where Linux shows no IOMMU groups, and what Xen says of the IOMMU; '' where it shows some."""
    said, machine = no_groups(seen.groups), seen.machine
    if not said or not machine.system.is_dom0:
        return said
    how = "" if machine.kept or "without Xen" in said else f" To see them, {RULES['groupless-xen'][1]}."
    caps = machine.cpu.xen_caps
    xen = (
        " Under Xen it shows none: Xen says that the IOMMU works (hvm_directio)."
        if "hvm_directio" in caps
        else ""
    )
    return f"{said}{how}{xen or (' Xen says that it has no IOMMU to use.' if caps else '')}"


def _offer(group: Group, seen: Proposal, told: dict[str, dict[str, Any]], moves: set[str]) -> Iterator[str]:
    """Yield a group's entries as comments, below what must be known of it."""
    yield from _said(_about(group, seen, moves))
    yield from commented(CommentedSeq(_device(member, told, moves) for member in group.members), 4)


def _said(sentences: Iterator[str]) -> list[str]:
    return [line for text in sentences for line in folded(text, 4, "##", hang=2)]


def _about(group: Group, seen: Proposal, moves: set[str]) -> Iterator[str]:
    """Yield what must be known of a group: where it begins, each care with the next move, the disks on it."""
    yield place(group) + (": these go to one guest together" if len(group.members) > 1 else "")
    yield from rest.cares(group, moves)
    for disk in (d for d in seen.disks if {*d.controllers} & {*group.bdfs}):
        on = ", ".join(bdf for bdf in disk.controllers if bdf in group.bdfs)
        whose = f"on {on}" if len(group.members) > 1 else "on it"
        yield f"{whose}: the disk {disk.name}, {disk.size}: {disk.use}"


def place(group: Group) -> str:
    """Return what holds the members of a group together: a card whose functions lie in several groups is passed whole."""
    numbers = sorted({m.device.group for m in group.members if m.device.group is not None})
    if len(numbers) > 1:
        return f"one device in the IOMMU groups {', '.join(map(str, numbers))}"
    return f"IOMMU group {numbers[0]}" if numbers else "one device"


def _device(member: Member, told: dict[str, dict[str, Any]], moves: set[str]) -> CommentedMap:
    said = told.get(member.device.bdf, {})
    entry = CommentedMap(device_entry(member) | (said if said.get("id") == member.device.id else {}))
    below = [_PROBE] if member.device.class_code.startswith("0200") and _PROBE not in moves else []
    moves |= {*below}
    policy = "the firmware keeps memory reserved for it (H106)" if "rdm_policy" in entry else ""
    last = list(entry)[-1]
    if policy and last != "rdm_policy":
        beside(entry, "rdm_policy", policy)
    beside(entry, last, policy if last == "rdm_policy" else "", below)
    return entry
