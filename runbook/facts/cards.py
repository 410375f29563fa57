"""What cards show of themselves: their windows in memory and ROMs, screens and monitors, and whether the machine is a laptop."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runbook.facts.pci import last_bdf
from runbook.model.ask import Ask, Facts

# A resource line is `start end flags`, 16 hexadecimal digits each; the flag 0x200 is memory (linux/ioport.h).
_CARDS = Ask.shell(
    "cd /sys/bus/pci/devices && grep -s . */revision; grep -nsE ' 0x[0-9a-f]{13}2[0-9a-f]{2}$' */resource;"
    " cd /sys/class && grep -s . drm/*/status dmi/id/chassis_type;"
    " find drm graphics -maxdepth 1 -type l -printf '%p %l\\n' 2>/dev/null; true"
)

COMMANDS = (_CARDS,)

_WINDOW = re.compile(r"^([^/\s]+)/resource:(\d+):0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+)$", re.MULTILINE)
_REVISION = re.compile(r"^([^/\s]+)/revision:0x([0-9a-f]{2})$", re.MULTILINE)
_STATUS = re.compile(r"^drm/([^/\s]+)/status:connected$", re.MULTILINE)
_LINK = re.compile(r"^(drm|graphics)/(\S+) (\S+)$", re.MULTILINE)
_CHASSIS = re.compile(r"^dmi/id/chassis_type:(\d+)$", re.MULTILINE)
_BARS, _ROM = range(1, 7), 7
_IS_64 = 0x100000
_PORTABLE = frozenset({8, 9, 10, 11, 14, 30, 31, 32})
"""Portable, laptop, notebook, hand held, sub notebook, tablet, convertible, detachable (SMBIOS 7.4.1)."""
_OTHER, _UNKNOWN = 1, 2
FOUR_GIB = 1 << 32


@dataclass(frozen=True)
class Window:
    """One memory window (BAR) of a device."""

    size: int
    """In bytes."""
    is_64_bit: bool
    """True where it may lie above 4 GiB."""
    start: int = 0
    is_rom: bool = False


@dataclass(frozen=True)
class Cards:
    """What the cards show; all of it empty or None where the host was not asked."""

    windows: dict[str, tuple[Window, ...]] | None = None
    """For the address of each device that has memory its windows, ROM last; None where nobody asked."""
    revisions: dict[str, int] = field(default_factory=dict)
    above_4g: tuple[str, ...] = ()
    """The devices, bridges too, of which something lies above 4 GiB: the sign that the firmware decodes there."""
    console: str = ""
    """The card that shows the first frame buffer, dom0's console; '' where none says."""
    monitors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For the address of a card its connectors with a monitor, such as `HDMI-A-1`."""
    is_laptop: bool | None = None
    """None where the firmware does not say what kind of machine it is."""

    def has_rom(self, bdf: str) -> bool | None:
        """Return whether a device has a ROM of its own, None where nobody asked."""
        return None if self.windows is None else any(w.is_rom for w in self.windows.get(bdf, ()))


def parse(facts: Facts) -> Cards:
    """Return what the cards show.

    >>> rows = "0000:01:00.0/resource:2:0x4000000000 0x400fffffff 0x000000000014220c"
    >>> windows(rows)["0000:01:00.0"][0].size // 2**20, above_4g(rows)
    (256, ('0000:01:00.0',))
    """
    text = facts[_CARDS].out if _CARDS in facts else ""
    if not text:
        return Cards()
    kind = _CHASSIS.search(text)
    number = int(kind[1]) if kind else _UNKNOWN
    return Cards(
        windows=windows(text),
        revisions={bdf: int(revision, 16) for bdf, revision in _REVISION.findall(text)},
        above_4g=above_4g(text),
        console=next(
            (last_bdf(to) for room, name, to in _LINK.findall(text) if (room, name) == ("graphics", "fb0")),
            "",
        ),
        monitors=monitors(text),
        is_laptop=None if number in (_OTHER, _UNKNOWN) else number in _PORTABLE,
    )


def windows(text: str) -> dict[str, tuple[Window, ...]]:
    """Return the memory windows of each device; those of bridges and of virtual functions are none of its own."""
    found: dict[str, list[Window]] = {}
    for bdf, line, start, end, flags in _WINDOW.findall(text):
        first, last = int(start, 16), int(end, 16)
        if last > first and (int(line) in _BARS or int(line) == _ROM):
            window = Window(last - first + 1, bool(int(flags, 16) & _IS_64), first, int(line) == _ROM)
            found.setdefault(bdf, []).append(window)
    return {bdf: tuple(of) for bdf, of in found.items()}


def above_4g(text: str) -> tuple[str, ...]:
    """Return the devices of which something lies above 4 GiB."""
    return tuple(
        dict.fromkeys(bdf for bdf, _, start, _, _ in _WINDOW.findall(text) if int(start, 16) >= FOUR_GIB)
    )


def monitors(text: str) -> dict[str, tuple[str, ...]]:
    """Return for each card its connectors with a monitor.

    >>> monitors("drm/card1-DP-2/status:connected\\ndrm/card1-DP-2 ../../devices/pci0/0000:02:00.0/drm/card1/card1-DP-2")
    {'0000:02:00.0': ('DP-2',)}
    """
    links = {name: last_bdf(to) for room, name, to in _LINK.findall(text) if room == "drm"}
    found: dict[str, tuple[str, ...]] = {}
    for connector in _STATUS.findall(text):
        if bdf := links.get(connector, ""):
            found[bdf] = (*found.get(bdf, ()), connector.partition("-")[2])
    return found
