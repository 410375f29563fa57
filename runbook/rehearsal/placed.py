"""The PC itself: its disks and cards at their places, its memory, and what of that is elsewhere than on the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from runbook.facts import firmware, memory
from runbook.facts.likeness import File
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.rehearsal import door
from runbook.rehearsal.cards import Cards
from runbook.rehearsal.disks import Disks
from runbook.testbed.machines.model import Drive, Pc
from runbook.testbed.placing import Placement, place

MEMORY_MIB = (6144, 16384)
"""What the PC has at least, where its host has that too, and at most."""
_SATA = 6


def read(
    facts: Facts, params: HostParams, made: Disks, wired: Cards, sources: Iterable[File]
) -> tuple[Pc, list[str]]:
    """Return the PC, and what of it is elsewhere than on the host. Raises `ValueError` when not all has a place."""
    drives, unlike = _drives(made)
    where = place([*(c.address for c in wired.cards), *(d.address for d in drives if d.address)])
    _require_places(where, wired, drives)
    unlike += _elsewhere(where, wired)
    has = -(-memory.parse(facts).machine_mib // 256) * 256
    mib = min(has or MEMORY_MIB[0], MEMORY_MIB[1], max(MEMORY_MIB[0], params.memory_needed_mib + 512))
    if has and mib < has:
        unlike.append(f"it has {mib} MiB of memory, and not {has}")
    starts: Literal["uefi", "bios"] = "uefi" if firmware.parse(facts).is_uefi else "bios"
    leads_to = door.servers("\n".join(file.text for file in sources))
    cards = tuple(c.model_copy(update={"leads_to": leads_to}) if c.door else c for c in wired.cards)
    return Pc(firmware=starts, memory_mib=mib, drives=tuple(drives), cards=cards), unlike


def _drives(made: Disks) -> tuple[list[Drive], list[str]]:
    drives, unlike, sata = list[Drive](), list[str](), 0
    for name, controller in zip(made.names, made.controllers, strict=True):
        if name.startswith("nvme"):
            drives.append(Drive(device="nvme", address=controller))
        elif name.startswith("vd") or sata == _SATA:
            unlike += (
                [] if name.startswith("vd") else [f"{name} is a virtio disk: the PC has {_SATA} SATA ports"]
            )
            drives.append(Drive(address=controller if name.startswith("vd") else ""))
        else:
            sata += 1
            drives.append(Drive(device="ide-hd"))
    return drives, unlike


def _require_places(where: Placement, wired: Cards, drives: Iterable[Drive]) -> None:
    anywhere = [c.address for c in wired.cards if c.address not in where.at]
    anywhere += [d.address for d in drives if d.device != "ide-hd" and d.address not in where.at]
    if len(anywhere) > len(where.free):
        raise ValueError(
            f"{len(anywhere)} of its cards and disks need a place on the first bus of the PC, which has {len(where.free)} left"
        )


def _elsewhere(where: Placement, wired: Cards) -> list[str]:
    found = [f"{address} is at another address: {why}" for address, why in where.not_had.items()]
    for card in wired.cards:
        bus, at = where.at.get(card.address, ("", ""))
        if (bus, at.partition(".")[0]) in where.headless:
            first = f"{card.address[:-1]}0"
            found.append(f"{first} is a test device: without a first function no system finds {card.address}")
    return found
