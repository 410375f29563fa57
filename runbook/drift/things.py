"""What is watched on a host, as things by name, each with its fields in words.

A field that only one side has is not compared: it was not asked there, or it has no meaning there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runbook.drift import boot, devices, files, guests, machine, network, software, storage
from runbook.drift.named import Things
from runbook.model.ask import Facts

Pair = Callable[[Things, Things], Things]


@dataclass(frozen=True)
class Watched:
    """One kind of thing. `kind` is the word before its name in a line."""

    kind: str
    read: Callable[[Facts], Things]
    is_whole: bool = False
    """True when all things of the kind are seen: one that is missing is gone, another is new."""
    new: str = "new"
    gone: str = "gone"
    pair: Pair | None = None
    """Renames the things of before to those of now that they are; for what has no name of its own."""


WATCHED = (
    Watched("", machine.system),
    Watched("", machine.firmware_settings),
    Watched("", machine.hardware),
    Watched("", boot.kernel),
    Watched("", boot.hypervisor),
    Watched("", boot.kept_pair),
    Watched("", boot.menu),
    Watched("device", devices.read, is_whole=True, pair=devices.pair),
    Watched("disk", storage.disks, is_whole=True),
    Watched("partition", storage.partitions, is_whole=True),
    Watched("mount", storage.mounts, is_whole=True),
    Watched("volume group", storage.groups, is_whole=True),
    Watched("volume", storage.volumes, is_whole=True),
    Watched("network", network.interfaces, is_whole=True),
    Watched("", network.ways_out),
    Watched("", network.packet_filter),
    Watched("guest", guests.running, is_whole=True, new="runs now", gone="no longer runs"),
    Watched("autostart", guests.autostart, is_whole=True),
    Watched("package", software.packages),
    Watched("service", software.services),
    Watched("account", software.accounts),
    Watched("group", software.groups, is_whole=True),
    Watched("", software.settings),
    Watched("file", files.some),
    Watched("file", files.folders, is_whole=True),
)
