"""All storage of a host, from the disk to the mount, as one tree with every use on it: asked and modelled once.

`COMMANDS` are the questions of every reader, `TABLES` and the guests' in `WITH_GUESTS` those of some; `parse` makes the tree of what
was asked. `inside` looks into a volume as its guest does.
"""

from runbook.facts.storage.asks import COMMANDS, TABLES, WITH_GUESTS
from runbook.facts.storage.lvm import Group, PhysicalVolume, Volume
from runbook.facts.storage.model import Device, Loop, Mount, Use
from runbook.facts.storage.parse import parse
from runbook.facts.storage.tree import Storage

MIB = 2**20
GIB = 2**30

__all__ = [
    "COMMANDS",
    "GIB",
    "MIB",
    "TABLES",
    "WITH_GUESTS",
    "Device",
    "Group",
    "Loop",
    "Mount",
    "PhysicalVolume",
    "Storage",
    "Use",
    "Volume",
    "parse",
]  # fmt: skip
