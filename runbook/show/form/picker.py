"""Which guest gets which devices: the PCI devices in groups, whole, and what must stay with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.params.types import bdf
from runbook.proposal.entries import device_entry
from runbook.show.form.draft import Draft
from runbook.survey.groups import Group, groups
from runbook.survey.machine import Machine
from runbook.survey.reasons import STAY
from runbook.survey.verdict import ports

DOM0, HIDDEN = "dom0 keeps it", "no guest yet (hidden from dom0)"
SPLIT = "not one owner"


@dataclass(frozen=True)
class Row:
    """One group of devices, who has it, and who could."""

    group: Group
    owner: str
    """A guest's name, DOM0, HIDDEN, or SPLIT when its devices are not in one hand."""
    choices: tuple[str, ...]

    @property
    def is_held(self) -> bool:
        """True when there is nothing to choose."""
        return len(self.choices) < 2

    @property
    def is_folded(self) -> bool:
        """True when it is told in a line with its like: dom0 keeps it, or has it and nobody wants it."""
        return self.is_held or (self.group.is_platform and self.owner == DOM0)


def shape(found: tuple[Row, ...]) -> list[tuple[Group, bool]]:
    """Return what decides which pickers there are: each group, and whether it is folded."""
    return [(row.group, row.is_folded) for row in found]


def rows(values: dict[str, Any], machine: Machine) -> tuple[Row, ...]:
    """Return the groups of a machine's devices as the parameters' values share them out: those on offer first."""
    guests = tuple(str(guest.get("name", "")) for guest in items(values, "guests"))
    found = []
    for group in groups(machine, *_kept(values, machine)):
        owner = _owner(values, group)
        choices = (DOM0,) if group.verdict == STAY else (DOM0, HIDDEN, *filter(None, guests))
        found.append(Row(group, owner, tuple(dict.fromkeys((*choices, owner)))))
    return tuple(sorted(found, key=lambda row: (row.is_folded, not row.group.is_offered)))


def give(draft: Draft, group: Group, owner: str) -> Draft:
    """Return the draft in which a whole group belongs to a guest, to none yet (HIDDEN), or to dom0 (DOM0)."""
    for member in group.members:
        address = member.device.bdf
        for index, guest in enumerate(items(draft.values(), "guests")):
            has = [i for i, text in enumerate(guest.get("pci") or ()) if _same(text, address)]
            if guest.get("name") == owner and not has:
                draft = draft.add(("guests", index, "pci"), address)
            for place in reversed(has if guest.get("name") != owner else []):
                draft = draft.drop(("guests", index, "pci", place))
        places = _hidden(draft.values(), address)
        if owner == DOM0:
            for place in reversed(places):
                draft = draft.drop(("passthrough", "devices", place))
        elif not places:
            draft = draft.add(("passthrough", "devices"), device_entry(member))
    return draft


def items(values: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    found = values.get(key)
    return (item if isinstance(item, dict) else {} for item in (found if isinstance(found, list) else ()))


def _owner(values: dict[str, Any], group: Group) -> str:
    owners = set()
    for address in group.bdfs:
        has = [
            str(guest.get("name"))
            for guest in items(values, "guests")
            if any(_same(text, address) for text in guest.get("pci") or ())
        ]
        owners |= set(has) or {HIDDEN if _hidden(values, address) else DOM0}
    return owners.pop() if len(owners) == 1 else SPLIT


def _kept(values: dict[str, Any], machine: Machine) -> tuple[str, dict[str, str]]:
    """Return the volume group of the guests, and the cards that bridges take, each with the reason."""
    storage = values.get("storage") or {}
    bridges = items(values.get("network") or {}, "bridges")
    cards = ports(machine, ((str(b.get("name")), map(str, b.get("ports") or ())) for b in bridges))
    return str(storage.get("guest_volume_group", "guests")), cards


def _hidden(values: dict[str, Any], address: str) -> list[int]:
    devices = items(values.get("passthrough") or {}, "devices")
    return [i for i, device in enumerate(devices) if _same(device.get("bdf"), address)]


def _same(text: Any, address: str) -> bool:
    try:
        return bdf(str(text)) == address
    except ValueError:
        return False
