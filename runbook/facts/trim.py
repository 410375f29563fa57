"""Whether the disks can be told about free blocks, and who tells them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.facts import services
from runbook.model.ask import Ask, Facts

TIMER = "fstrim.timer"
LVM_LOCAL = "/etc/lvm/lvmlocal.conf"
# The very words of Debian's fstrim.service, which the timer starts; dry: nothing is trimmed.
_DRY = Ask.run(
    *(
        "fstrim",
        "--dry-run",
        "--listed-in",
        "/etc/fstab:/proc/self/mountinfo",
        "--verbose",
        "--quiet-unsupported",
    )
)
_LVM = Ask.run("lvmconfig", "--typeconfig", "full", "devices/issue_discards", "devices/scan_lvs")
_LSBLK = Ask.run("lsblk", "-J", "-b", "-o", "NAME,TYPE,FSTYPE,DISC-MAX,MOUNTPOINTS")

COMMANDS = (_DRY, _LVM, _LSBLK, Ask.read(LVM_LOCAL), *services.commands(TIMER))
_TRIMMABLE = ("ext4", "ext3", "xfs", "btrfs", "f2fs", "vfat")


@dataclass(frozen=True)
class Trim:
    """What a host tells its disks."""

    covered: tuple[str, ...]
    """The mount points that the weekly run would trim, as fstrim itself says."""
    able: tuple[str, ...]
    """The mount points whose device takes such news."""
    unable: tuple[str, ...]
    """Mount points whose own device takes none although the disk below does, such as some encrypted ones."""
    lvm: dict[str, str]
    """LVM's settings as lvmconfig(8) reports them; {} without LVM."""
    lvm_local: str | None
    """The text of lvmlocal.conf, None when there is none."""


def parse(facts: Facts) -> Trim:
    """Return what the facts say about trimming."""
    nodes = json.loads(facts[_LSBLK].out or "{}").get("blockdevices", [])
    seen = list(_mounts(nodes, is_able_below=False))
    return Trim(
        covered=covered(facts[_DRY].out),
        able=tuple(dict.fromkeys(point for point, able, _ in seen if able)),
        unable=tuple(dict.fromkeys(point for point, able, below in seen if below and not able)),
        lvm=settings(facts[_LVM].out),
        lvm_local=facts.text(LVM_LOCAL),
    )


def covered(text: str) -> tuple[str, ...]:
    """Return the mount points of fstrim's report.

    >>> covered("/var/log: 0 B (dry run) trimmed on /dev/mapper/xen-varlog\\n/: 0 B (dry run) trimmed on /dev/vda2")
    ('/var/log', '/')
    """
    told = (line.rpartition(" trimmed ")[0] for line in text.splitlines() if line.startswith("/"))
    return tuple(filter(None, (before.rpartition(": ")[0] for before in told)))


def settings(text: str) -> dict[str, str]:
    """Return the settings that lvmconfig prints.

    >>> settings("issue_discards=1\\nscan_lvs=0\\n")
    {'issue_discards': '1', 'scan_lvs': '0'}
    """
    return dict(re.findall(r"(?m)^(\w+)=(.*)$", text))


def _mounts(nodes: list[dict[str, Any]], *, is_able_below: bool) -> Iterator[tuple[str, bool, bool]]:
    for node in nodes:
        if node["type"] == "loop":  # a window into a guest's disk (09): not the host's own to trim
            continue
        able = int(node["disc-max"] or 0) > 0
        for point in node["mountpoints"]:
            if point and point.startswith("/") and node["fstype"] in _TRIMMABLE:
                yield point, able, is_able_below or able
        yield from _mounts(node.get("children", []), is_able_below=is_able_below or able)
