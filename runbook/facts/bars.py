"""The memory windows (BARs) of PCI devices and their revisions, as sysfs shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

# A resource line is `start end flags`, 16 hexadecimal digits each; the flag 0x200 is memory (linux/ioport.h).
_WINDOWS = Ask.shell(
    "cd /sys/bus/pci/devices && { grep -s . */revision;"
    " grep -nsE ' 0x[0-9a-f]{13}2[0-9a-f]{2}$' */resource; }; true"
)

COMMANDS = (_WINDOWS,)

_LINE = re.compile(r"^([^/\s]+)/resource:(\d+):0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+)$", re.MULTILINE)
_REVISION = re.compile(r"^([^/\s]+)/revision:0x([0-9a-f]{2})$", re.MULTILINE)
_OF_THE_DEVICE, _ROM = range(1, 8), 7
"""The lines of a resource file that are a device's own; then come those of virtual functions and of bridges."""
_IS_64 = 0x100000
_FOUR_GIB = 1 << 32


@dataclass(frozen=True)
class Window:
    """One memory window of a device."""

    size: int
    """In bytes."""
    is_64_bit: bool
    """True where it may lie above 4 GiB."""
    is_rom: bool = False


@dataclass(frozen=True)
class Bars:
    """What the devices have in memory; nothing where the host was not asked."""

    windows: dict[str, tuple[Window, ...]] | None = None
    """For the address of each device that has any its windows, a ROM last; None where nobody asked."""
    above_4g: tuple[str, ...] = ()
    """The devices, bridges too, of which something lies above 4 GiB: the sign that the firmware decodes there."""
    revisions: dict[str, int] | None = None

    def lacks_rom(self, bdf: str) -> bool:
        """Return whether a device is known to have no ROM of its own."""
        return self.windows is not None and not any(w.is_rom for w in self.windows.get(bdf, ()))


def parse(facts: Facts) -> Bars:
    """Return what the devices have in memory.

    >>> row = "0000:01:00.0/resource:2:0x0000004000000000 0x000000400fffffff 0x000000000014220c"
    >>> windows(row)["0000:01:00.0"], addresses(row)
    ((Window(size=268435456, is_64_bit=True, is_rom=False),), ('0000:01:00.0',))
    """
    text = facts[_WINDOWS].out if _WINDOWS in facts else ""
    if not text:
        return Bars()
    revisions = {bdf: int(revision, 16) for bdf, revision in _REVISION.findall(text)}
    return Bars(windows(text), addresses(text), revisions)


def windows(text: str) -> dict[str, tuple[Window, ...]]:
    """Return the memory windows of each device; those of bridges and of virtual functions are none of its own."""
    found: dict[str, list[Window]] = {}
    for bdf, line, start, end, flags in _LINE.findall(text):
        first, last = int(start, 16), int(end, 16)
        if last > first and int(line) in _OF_THE_DEVICE:
            window = Window(last - first + 1, bool(int(flags, 16) & _IS_64), int(line) == _ROM)
            found.setdefault(bdf, []).append(window)
    return {bdf: tuple(of) for bdf, of in found.items()}


def addresses(text: str) -> tuple[str, ...]:
    """Return the devices of which something lies above 4 GiB."""
    rows = _LINE.findall(text)
    return tuple(dict.fromkeys(bdf for bdf, _, start, _, _ in rows if int(start, 16) >= _FOUR_GIB))
