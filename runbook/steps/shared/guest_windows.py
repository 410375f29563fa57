"""Whether the windows of a guest's devices find room below 4 GiB, as Xen's hvmloader lays them out."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.bars import Window
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.survey import Machine

_MIB = 1 << 20
_RESERVED_MIB = 64
"""Below 4 GiB hvmloader keeps all from 0xfc000000 on for itself (config.h, RESERVED_MEMBASE)."""
_HOLES_MIB = (256, 512, 1024, 2048)
"""The holes that hvmloader tries by itself, as long as none overlaps the guest's memory: 0xf0000000 << n."""
_OFFERED_MIB = (512, 1024, 2048, 3072)
_OWN_MIB = 34
"""What QEMU's own screen, Xen's platform device and a network card need in each guest."""
_GIB = 1 << 30
_SOURCE = "Xen 4.17 and 4.20, tools/firmware/hvmloader/pci.c"


def findings(params: HostParams, machine: Machine) -> Iterator[Finding]:
    """Yield for each guest whose devices' windows do not fit below 4 GiB what becomes of them, and what would help."""
    for guest in params.guests:
        windows = [w for bdf in guest.pci for w in (machine.bars.windows or {}).get(bdf, ())]
        if windows:
            yield from _of(guest, windows)


def hole_mib(guest: Guest, needed_mib: float) -> int:
    """Return the size of the hole below 4 GiB that hvmloader makes for a guest: the parameter's, or as much as is needed
    and as the guest's memory leaves."""
    if guest.mmio_hole_mib:
        return guest.mmio_hole_mib
    free = [hole for hole in _HOLES_MIB if hole == _HOLES_MIB[0] or 4096 - hole >= guest.memory_mib]
    return next((hole for hole in free if hole - _RESERVED_MIB >= needed_mib), free[-1])


def _of(guest: Guest, windows: list[Window]) -> Iterator[Finding]:
    low = _OWN_MIB + sum(w.size for w in windows if not w.is_64_bit) / _MIB
    # A window of more than 1 GiB goes above 4 GiB whatever the hole is (BAR_RELOC_THRESH).
    needed = low + sum(w.size for w in windows if w.is_64_bit and w.size <= _GIB) / _MIB
    room = hole_mib(guest, needed) - _RESERVED_MIB
    names = ", ".join(guest.pci)
    if low > room:
        yield Finding(
            "fail",
            f"In {guest.name} not all windows of {names} get an address",
            f"they need {low:.0f} MiB below 4 GiB, and there is room for {room} MiB",
            _move(low, guest),
            _SOURCE,
        )
    elif needed > room:
        yield Finding(
            "info",
            f"In {guest.name} the largest windows of {names} are put above 4 GiB",
            f"all of them need {needed:.0f} MiB below it, and there is room for {room} MiB; 64-bit systems cope with that",
            f"should the driver not find its card: {_move(needed, guest)}",
            _SOURCE,
        )


def _move(needed_mib: float, guest: Guest) -> str:
    for hole in _OFFERED_MIB:
        if hole - _RESERVED_MIB >= needed_mib and hole > (guest.mmio_hole_mib or 0):
            return f"set mmio_hole_mib: {hole} for {guest.name}"
    return f"give {guest.name} fewer devices"
