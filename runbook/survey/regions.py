"""Memory that the firmware keeps for devices: which devices share a piece of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runbook.facts.firmware import Scope
    from runbook.facts.pci import Device
    from runbook.survey.machine import Machine


@dataclass(frozen=True)
class Region:
    """One piece of reserved memory."""

    table: str
    """What names it: `RMRR` (Intel's DMAR), `IVMD` (AMD's IVRS), '' where only Linux shows it."""
    bdfs: frozenset[str]
    """The devices that use it; a table may name some that this machine has not."""
    is_relaxable: bool
    """True where Linux lets USB controllers and graphics go without it (`is_left_alone`)."""
    is_for_all: bool = False
    """True for memory that is left open to every device."""

    @property
    def name(self) -> str:
        return f"reserved memory region ({self.table})" if self.table else "reserved memory region"


def regions(machine: Machine) -> tuple[Region, ...]:
    """Return the regions that devices of a machine use: those of the tables, or Linux' own where no table tells any."""
    return tuple(_intel(machine)) or tuple(_amd(machine)) or tuple(_linux(machine))


def is_left_alone(device: Device) -> bool:
    """Return whether a device uses its region no more once its driver has started: USB controllers and graphics.

    Linux calls their regions relaxable (`device_rmrr_is_relaxable` in drivers/iommu/intel/iommu.c).
    """
    return device.class_code.startswith(("0c03", "03"))


def _intel(machine: Machine) -> Iterator[Region]:
    for reserved in machine.firmware.reserved:
        bdfs = frozenset(bdf for scope in reserved.scopes for bdf in _scope(machine, scope))
        yield Region("RMRR", bdfs, is_relaxable=True)


def _amd(machine: Machine) -> Iterator[Region]:
    for block in machine.firmware.blocks:
        bdfs = frozenset(d.bdf for d in machine.devices if block.covers(d.bdf))
        yield Region("IVMD", bdfs, is_relaxable=False, is_for_all=block.is_for_all)


def _linux(machine: Machine) -> Iterator[Region]:
    for region in machine.isolation.regions:
        bdfs = frozenset(d.bdf for d in machine.devices if d.group in region.groups)
        yield Region("", bdfs, region.is_relaxable)


def _scope(machine: Machine, scope: Scope) -> tuple[str, ...]:
    bus, bdf = scope.bus, ""
    for slot, function in scope.path:
        bdf = f"{scope.segment:04x}:{bus:02x}:{slot:02x}.{function}"
        device = machine.device(bdf)
        bus = (device.secondary_bus if device else None) or 0
    return tuple(d.bdf for d in machine.behind(bdf)) if scope.covers_below else (bdf,)
