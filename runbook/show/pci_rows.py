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
    path: tuple[str, ...]
    """The addresses of the bridges and controllers above it, outermost first."""
    owner: str
    """Who has it, in words."""
    kind: str
    more: tuple[Device, ...] = ()
    """The parts of the machine that follow it and are folded into this row."""

    @property
    def depth(self) -> int:
        return len(self.path)

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


def path(device: Device, machine: Machine) -> tuple[str, ...]:
    """Return what is above a device; of one in a domain of VMD's, where Linux does not say it, the machine's only VMD."""
    if device.path or len(device.bdf.partition(":")[0]) == 4:
        return device.path
    makers = [d.bdf for d in machine.devices if d.is_vmd]
    if len(makers) != 1:
        return ()
    domain, bus = device.bdf.split(":")[:2]
    inside = (d for d in machine.devices if d.bdf.startswith(f"{domain}:") and d != device)
    above = next((d for d in inside if d.secondary_bus == int(bus, 16)), None)
    return (*path(above, machine), above.bdf) if above else (makers[0],)


def folded(rows: Sequence[Row], machine: Machine) -> tuple[Row, ...]:
    """Return the rows with stretches of parts of the machine as one: what nobody wants, and no guest has or will have."""
    return tuple(row for stretch in _stretches(rows, machine) for row in _as_one(stretch))


def _stretches(rows: Sequence[Row], machine: Machine) -> Iterator[list[Row]]:
    stretch: list[Row] = []
    for row in rows:
        is_part = _is_part(row, machine)
        if stretch and not (is_part and _bus(row) == _bus(stretch[-1])):
            yield stretch
            stretch = []
        if is_part:
            stretch.append(row)
        else:
            yield [row]
    if stretch:
        yield stretch


def _bus(row: Row) -> str:
    return row.device.bdf.rpartition(":")[0]


def _is_part(row: Row, machine: Machine) -> bool:
    if row.kind not in ("dom0", "nobody") or "meant for" in row.owner:
        return False
    # One that shares its group with something else is seen beside it.
    return all(_is_platform(machine, device) for device in (row.device, *machine.mates(row.device)))


def _is_platform(machine: Machine, device: Device) -> bool:
    return not device.is_bridge and Member(device, own(machine, device)).is_platform


def _as_one(stretch: list[Row]) -> list[Row]:
    if len(stretch) < _FEWEST:
        return stretch
    owners = dict.fromkeys(row.owner for row in stretch)
    kind = "dom0" if any(row.kind == "dom0" for row in stretch) else "nobody"
    owner = ", ".join(owners) if len(owners) < _FEWEST else f"{len(owners)} drivers of dom0, or none"
    first, *others = stretch
    return [replace(first, owner=owner, kind=kind, more=tuple(row.device for row in others))]
