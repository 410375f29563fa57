"""The volume groups and volumes of the host, dom0's own among them, and which disks are written."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from runbook.facts import lvm
from runbook.model.ask import Ask, Facts

_GROUPS = lvm.report("vgs", "vg_name,vg_size,vg_free,vg_extent_size")
_VOLUMES = lvm.report("lvs", "vg_name,lv_name,lv_size,lv_dm_path,lv_kernel_minor")
_MOUNTS = Ask.read("/proc/mounts")
_SWAPS = Ask.read("/proc/swaps")

COMMANDS = (_GROUPS, _VOLUMES, _MOUNTS, _SWAPS)


@dataclass(frozen=True)
class Group:
    """One volume group; sizes in bytes."""

    name: str
    size: int
    free: int
    extent: int


@dataclass(frozen=True)
class LogicalVolume:
    """One volume; its size in bytes, and where dom0 itself uses it ('' when it does not)."""

    group: str
    name: str
    size: int
    used_at: str = ""


@dataclass(frozen=True)
class Volumes:
    """All of the host's LVM at one moment."""

    installed: bool
    """False when the LVM tools are missing."""
    groups: tuple[Group, ...] = ()
    volumes: tuple[LogicalVolume, ...] = ()

    def group(self, name: str) -> Group | None:
        """Return a volume group, None when there is none of that name."""
        return next((g for g in self.groups if g.name == name), None)

    def volume(self, group: str, name: str) -> LogicalVolume | None:
        """Return a volume, None when there is none of that name in the group."""
        return next((v for v in self.volumes if (v.group, v.name) == (group, name)), None)


def parse(facts: Facts) -> Volumes:
    """Return the volumes of the facts."""
    mounts, swaps = _used(facts)
    groups = tuple(
        Group(row["vg_name"], int(row["vg_size"]), int(row["vg_free"]), int(row["vg_extent_size"]))
        for row in lvm.rows(facts[_GROUPS].out, "vg")
    )
    volumes = tuple(
        LogicalVolume(
            row["vg_name"],
            row["lv_name"],
            int(row["lv_size"]),
            mounts.get(row["lv_dm_path"], "") or swaps.get(f"/dev/dm-{row['lv_kernel_minor']}", ""),
        )
        for row in lvm.rows(facts[_VOLUMES].out, "lv")
    )
    return Volumes(facts[_GROUPS].ok, groups, volumes)


def _used(facts: Facts) -> tuple[dict[str, str], dict[str, str]]:
    """Return mount point by device, and `swap` by device."""
    mounts = [line.split() for line in facts[_MOUNTS].out.splitlines()]
    swaps = [line.split() for line in facts[_SWAPS].out.splitlines()[1:]]
    return (
        {words[0]: words[1] for words in mounts if len(words) > 1},
        {words[0]: "swap" for words in swaps if words},
    )


def content(paths: tuple[str, ...]) -> Ask:
    """Return the question for what is on some disks: blkid reads the disk itself (blkid(8), -p).

    One process a disk: given several, blkid stops at the first that is empty.
    """
    return Ask.shell(f'for d in {shlex.join(paths)}; do blkid -p -o export "$d"; done; true')


def parse_written(answer_of: str) -> frozenset[str]:
    """Return which of the asked disks hold a partition table or a file system.

    >>> sorted(parse_written("DEVNAME=/dev/guests/comm\\nPTUUID=1c7a\\nPTTYPE=dos\\n"))
    ['/dev/guests/comm']
    """
    lines = answer_of.splitlines()
    return frozenset(line.partition("=")[2] for line in lines if line.startswith("DEVNAME="))


def existing(paths: tuple[str, ...]) -> Ask:
    """Return the question which of some files exist; the answer names them, one a line."""
    return Ask.shell(f'for f in {shlex.join(paths)}; do [ ! -e "$f" ] || echo "$f"; done')
