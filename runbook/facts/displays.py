"""Which card shows dom0's console, where a monitor is plugged in, and whether the machine is a laptop."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from runbook.facts.pci import last_bdf
from runbook.model.ask import Ask, Facts

# `status` is what the kernel saw last: reading it wakes no monitor.
_DISPLAYS = Ask.shell(
    "cd /sys/class && { grep -s . drm/*/status dmi/id/chassis_type;"
    " find drm graphics -maxdepth 1 -type l -printf '%p %l\\n' 2>/dev/null; }; true"
)

COMMANDS = (_DISPLAYS,)

_STATUS = re.compile(r"^drm/([^/\s]+)/status:connected$", re.MULTILINE)
_LINK = re.compile(r"^(drm|graphics)/(\S+) (\S+)$", re.MULTILINE)
_CHASSIS = re.compile(r"^dmi/id/chassis_type:(\d+)$", re.MULTILINE)
_PORTABLE = frozenset({8, 9, 10, 11, 14, 30, 31, 32})
"""Portable, laptop, notebook, hand held, sub notebook, tablet, convertible, detachable (SMBIOS 7.4.1)."""
_OTHER, _UNKNOWN = 1, 2


@dataclass(frozen=True)
class Displays:
    """The machine's screens; empty or None where the host was not asked, or does not say."""

    console: str = ""
    """The card behind the first frame buffer, dom0's console."""
    monitors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For the address of a card its connectors with a monitor, such as `HDMI-A-1`."""
    is_laptop: bool | None = None


def parse(facts: Facts) -> Displays:
    """Return the machine's screens.

    >>> monitors("drm/card1-DP-2/status:connected\\ndrm/card1-DP-2 ../../devices/pci0/0000:02:00.0/drm/card1/card1-DP-2")
    {'0000:02:00.0': ('DP-2',)}
    """
    text = facts[_DISPLAYS].out if _DISPLAYS in facts else ""
    kind = _CHASSIS.search(text)
    number = int(kind[1]) if kind else _UNKNOWN
    frames = (last_bdf(to) for room, name, to in _LINK.findall(text) if (room, name) == ("graphics", "fb0"))
    return Displays(
        console=next(frames, ""),
        monitors=monitors(text),
        is_laptop=None if number in (_OTHER, _UNKNOWN) else number in _PORTABLE,
    )


def monitors(text: str) -> dict[str, tuple[str, ...]]:
    """Return for each card its connectors with a monitor."""
    links = {name: last_bdf(to) for room, name, to in _LINK.findall(text) if room == "drm"}
    found: dict[str, tuple[str, ...]] = {}
    for connector in _STATUS.findall(text):
        if bdf := links.get(connector, ""):
            found[bdf] = (*found.get(bdf, ()), connector.partition("-")[2])
    return found
