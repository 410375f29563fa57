"""Whether the disks can be told about free blocks, and who tells them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.facts import services, storage
from runbook.facts.storage import Device, Storage
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
LVM = Ask.run("lvmconfig", "--typeconfig", "full", "devices/issue_discards", "devices/scan_lvs")
_FSTAB = Ask.read("/etc/fstab")

COMMANDS = (_DRY, LVM, _FSTAB, *storage.COMMANDS, Ask.read(LVM_LOCAL), *services.commands(TIMER))
_TRIMMABLE = ("ext4", "ext3", "xfs", "btrfs", "f2fs", "vfat")


@dataclass(frozen=True)
class Trim:
    """What a host tells its disks."""

    covered: tuple[str, ...]
    """The mount points that the weekly run would trim, as fstrim itself says."""
    able: tuple[tuple[str, ...], ...]
    """The mount points of each file system whose device takes such news; those that fstab leaves out are left out."""
    unable: tuple[str, ...]
    """Mount points whose own device takes none although the disk below does, such as some encrypted ones."""
    lvm: dict[str, str]
    """LVM's settings as lvmconfig(8) reports them; {} without LVM."""
    lvm_local: str | None
    """The text of lvmlocal.conf, None when there is none."""


def parse(facts: Facts) -> Trim:
    """Return what the facts say about trimming."""
    there, left_out = storage.parse(facts), set(untrimmed(facts.text(_FSTAB.argv[0]) or ""))
    mounted = [(d, places) for d in there.devices if (places := _places(there, d, left_out))]
    return Trim(
        covered=covered(facts[_DRY].out),
        able=tuple(places for device, places in mounted if device.discard_bytes),
        unable=tuple(
            place
            for device, places in mounted
            for place in places
            if not device.discard_bytes and any(d.discard_bytes for d in there.below(device.path))
        ),
        lvm=settings(facts[LVM].out),
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


def untrimmed(text: str) -> tuple[str, ...]:
    """Return the mount points that fstab(5) takes out of the weekly run (fstrim(8), X-fstrim.notrim).

    >>> untrimmed("UUID=1 /backup ext4 defaults,X-fstrim.notrim 0 2\\n")
    ('/backup',)
    """
    rows = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    return tuple(row[1] for row in rows if len(row) > 3 and "X-fstrim.notrim" in row[3].split(","))


def _places(there: Storage, device: Device, left_out: set[str]) -> tuple[str, ...]:
    """Return where a file system that can be trimmed is mounted, () where it is not the weekly run's."""
    if device.fstype not in _TRIMMABLE or any(d.loop for d in (device, *there.below(device.path))):
        return ()  # a window into a guest's disk (09) is not the host's own to trim
    return tuple(p for p in device.mountpoints if p.startswith("/") and p not in left_out)
