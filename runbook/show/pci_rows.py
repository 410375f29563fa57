"""The PCI devices in the order of their tree, and parts of the machine itself that stand in a row folded into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from runbook.facts.pci import Device
from runbook.survey.groups import Member
from runbook.survey.machine import Machine
from runbook.survey.verdict import own

_FEWEST = 3
"""Parts in a row that are folded; fewer are shown."""


@dataclass(frozen=True)
class Row:
    """One device of the tree, or several parts of the machine. `kind` is guest, waits, dom0 or nobody."""

    device: Device
    depth: int
    owner: str
    """Who has it, in words."""
    kind: str
    more: tuple[Device, ...] = ()
    """The parts of the machine that follow it and are folded into this row."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """All that the row stands for."""
        return (self.device, *self.more)

    @property
    def name(self) -> str:
        """What it is, in words."""
        if not self.more:
            return f"{self.device.class_name}: {self.device.name}"
        kinds = [kind for kind, _ in Counter(d.class_name for d in self.devices).most_common(3)]
        return f"to {self.more[-1].bdf}: {len(self.devices)} parts of the machine ({', '.join(kinds)})"

    @property
    def label(self) -> str:
        return f"{self.device.bdf} {self.name}"

    @property
    def groups(self) -> tuple[int, ...]:
        """The IOMMU groups of all that it stands for, in order; () where none is known."""
        return tuple(sorted({d.group for d in self.devices if d.group is not None}))

    @property
    def group(self) -> str:
        """Its IOMMU group in few letters, '' for none; of several the number of them."""
        return f"{len(self.groups)} groups" if len(self.groups) > 1 else "".join(map(str, self.groups))


def folded(rows: Sequence[Row], machine: Machine) -> tuple[Row, ...]:
    """Return the rows with stretches of parts of the machine as one: what nobody wants, and no guest has or will have."""
    return tuple(row for stretch in _stretches(rows, machine) for row in _as_one(stretch))


def _stretches(rows: Sequence[Row], machine: Machine) -> Iterator[list[Row]]:
    stretch: list[Row] = []
    for row in rows:
        is_part = _is_part(row, machine)
        if stretch and not (is_part and row.device.path == stretch[-1].device.path):
            yield stretch
            stretch = []
        if is_part:
            stretch.append(row)
        else:
            yield [row]
    if stretch:
        yield stretch


def _is_part(row: Row, machine: Machine) -> bool:
    if row.kind not in ("dom0", "nobody") or "meant for" in row.owner:
        return False
    return not row.device.is_bridge and Member(row.device, own(machine, row.device)).is_platform


def _as_one(stretch: list[Row]) -> list[Row]:
    if len(stretch) < _FEWEST:
        return stretch
    owners = dict.fromkeys(row.owner for row in stretch)
    kind = "dom0" if any(row.kind == "dom0" for row in stretch) else "nobody"
    owner = ", ".join(owners) if len(owners) < _FEWEST else f"{len(owners)} drivers of dom0, or none"
    first, *others = stretch
    return [replace(first, owner=owner, kind=kind, more=tuple(row.device for row in others))]
