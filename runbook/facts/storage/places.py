"""What each disk hangs on, from the links of sysfs: every PCI device on its path, the network, memory, a file, or nobody knows.

A disk's path in sysfs goes through all that it needs: bridges, Intel's VMD, the controller. What has no path of its own
is named otherwise: a multipath NVMe disk by its paths (`nvmeXcYnZ`, nvme-multipath in the kernel's documentation), a
session of iSCSI or of NVMe over fabrics by its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from runbook.facts.pci import bdfs_in

Kind = Literal["unasked", "pci", "network", "memory", "file", "pool", "platform", "unknown"]
_NAMES: tuple[tuple[str, Kind], ...] = (
    (r"loop\d+", "file"), (r"(zram|ram)\d+", "memory"), (r"zd\d+", "pool"), (r"(rbd|nbd)\d+", "network"),
)  # fmt: skip

_SESSION = re.compile(r"(?<=/nvme-fabrics/ctl/)nvme\d+|(?<=/)session\d+(?=/)")


@dataclass(frozen=True)
class Place:
    """Where one disk is."""

    kind: Kind = "unasked"
    """`pool` for a volume of ZFS, `platform` for what is on no PCI device, `unasked` where nobody asked the machine."""
    controllers: tuple[str, ...] = ()
    """Every PCI address that it needs, outermost first; those of all paths of a multipath disk."""
    sessions: tuple[str, ...] = ()
    """By which a network brings it: `session1` of iSCSI, `nvme2` of NVMe over fabrics."""


def places(text: str) -> dict[str, Place]:
    """Return where each block device is, by the kernel's name, from `NAME LINK` lines of sysfs; {} where nobody asked.

    >>> places("vda ../../devices/pci0000:00/0000:00:1c.0/0000:02:00.0/virtio2/block/vda")["vda"].controllers
    ('0000:00:1c.0', '0000:02:00.0')
    """
    links = [line.split(" ", 1) for line in text.splitlines() if " " in line]
    found = {name: _place(name, link) for name, link in links if name != "subsystem"}
    drives = [found[name] for name, _ in links if re.fullmatch(r"nvme\d+", name)]
    for name, link in links:
        if "/nvme-subsystem/" in link:
            paths = [there for other, there in found.items() if _is_path(other, name)]
            # Without the names of its paths it may be on any of the drives.
            found[name] = _together(paths or drives)
    return found


def _place(name: str, link: str) -> Place:
    if controllers := bdfs_in(link):
        return Place("pci", controllers)
    if sessions := _SESSION.findall(link):
        return Place("network", (), tuple(sessions))
    kind: Kind = "unknown" if "/devices/virtual/" in link else "platform"
    return Place(next((known for pattern, known in _NAMES if re.fullmatch(pattern, name)), kind))


def _is_path(name: str, disk: str) -> bool:
    """Return whether a name is that of one path to a multipath disk: `nvme0c3n1` to `nvme0n1`."""
    return re.sub(r"^(nvme\d+)c\d+(n\d+)$", r"\1\2", name) == disk != name


def _together(found: Iterable[Place]) -> Place:
    """Return the place of a disk with several paths: where one of them is not known, it is not."""
    there = list(found)
    kinds = {place.kind for place in there}
    order: tuple[Kind, ...] = ("unknown", "network", "pci", "platform")
    kind: Kind = next((k for k in order if k in kinds), "unknown")
    controllers = dict.fromkeys(bdf for place in there for bdf in place.controllers)
    sessions = dict.fromkeys(name for place in there for name in place.sessions)
    return Place(kind, tuple(controllers), tuple(sessions))
