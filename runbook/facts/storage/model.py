"""One tree of a host's storage, from the disk to the mount, as frozen values with every use on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from runbook.facts.storage.places import Place

Kind = Literal[
    "guest", "mount", "swap", "loop", "holder", "open", "group", "raid", "pool", "crypt", "member", "content"
]
SPREADS = ("btrfs", "bcachefs", "zfs_member")
"""What may spread over several devices and has no device of its own, by blkid's name."""


@dataclass(frozen=True)
class Loop:
    """A loop device: a window onto `size` bytes from `offset` on (0: to the end) of a device or a file."""

    name: str
    offset: int
    size: int
    is_read_only: bool
    file: str = ""
    """The device or file that it is attached to."""


@dataclass(frozen=True)
class Use:
    """One use of a device: somebody has it open, or it is a part of something larger."""

    kind: Kind
    who: str
    """The guest, the folder, the loop device, the mapping, the volume group, the array, the pool."""
    is_read_only: bool = False
    loop: Loop | None = None
    """The window through which a mount sees the device, None when it sees all of it."""

    @property
    def is_open(self) -> bool:
        """True when somebody reads or writes it now; False for a mere part of something, which may sleep."""
        return self.kind in ("guest", "mount", "swap", "loop", "holder", "open")

    @property
    def is_hosts_own(self) -> bool:
        """True when the host itself works on all of the device, and not through a window into a guest's disk."""
        return self.kind == "swap" or (self.kind == "mount" and self.loop is None)

    @property
    def may_write(self) -> bool:
        """True when what is on the device can change under a reader."""
        return self.kind in ("guest", "swap", "holder", "open") or not self.is_read_only

    @property
    def what(self) -> str:
        """The use in words, as the end of a sentence that begins with the device's name."""
        return {
            "guest": f"is the disk of the guest '{self.who}', which is running",
            "mount": f"is mounted at {self.who}",
            "swap": "is in use as dom0's swap",
            "loop": f"is attached to {self.who}",
            "holder": f"carries the mapping {self.who}",
            "open": "is held open by a program that does not show itself",
            "content": f"holds {self.who}, which nobody uses",
        }.get(self.kind, f"belongs to {self.whole}")

    @property
    def is_part(self) -> bool:
        """True when the device is a part of something larger, whose other parts may be elsewhere."""
        return self.kind in ("raid", "pool", "crypt", "member") or (self.kind == "group" and bool(self.who))

    @property
    def whole(self) -> str:
        """What the device is a part of, as a noun."""
        return {
            "group": f"the volume group {self.who}" if self.who else "LVM, and to no volume group",
            "raid": f"the RAID {self.who}".rstrip(),
            "pool": f"the {self.who}",
            "crypt": f"the encrypted {self.who or 'container'}",
        }.get(self.kind, f"something ({self.who})")


@dataclass(frozen=True)
class Device:
    """A disk, a partition, or what stands on one: a volume, an opened LUKS container, a RAID array, a loop device."""

    name: str
    path: str
    kernel_name: str
    """Such as `sda1` or `dm-3`."""
    number: str
    """`major:minor`."""
    kind: str
    """`disk`, `part`, `lvm`, `crypt`, `raid1`, `mpath`, `loop`, `rom`, …"""
    size_bytes: int
    sector_bytes: int
    """The smallest piece that it reads or writes."""
    physical_sector_bytes: int
    is_read_only: bool
    discard_bytes: int
    """The most that it takes in one go of the news that blocks are free; 0 when it takes none."""
    model: str
    serial: str
    transport: str
    """`sata`, `nvme`, `usb`, …; '' when the kernel does not say."""
    table: str
    """The partition table it holds or is part of: `gpt`, `dos` or ''."""
    parttype: str
    """The type of a partition, as the table has it."""
    fstype: str
    label: str
    uuid: str
    mountpoints: tuple[str, ...]
    """Where it is mounted; `[SWAP]` for swap in use."""
    parents: tuple[str, ...] = ()
    """The paths of what it stands on; several for an array, () for a disk."""
    places: tuple[Place, ...] = ()
    """Where each of its disks is."""
    loop: Loop | None = None
    uses: tuple[Use, ...] = ()
    """Its own; `Storage.uses` has those of what stands on it too."""

    @property
    def controllers(self) -> tuple[str, ...]:
        """Every PCI address on the paths of its disks, bridges among them: what it needs to be there."""
        return tuple(dict.fromkeys(bdf for place in self.places for bdf in place.controllers))


@dataclass(frozen=True)
class Mount:
    """Something mounted, wherever it comes from."""

    target: str
    source: str
    """As findmnt(8) has it, such as `/dev/sda2[/@home]` for a part of a file system, or `tank/data` for ZFS."""
    fstype: str
    options: tuple[str, ...]

    @property
    def devices(self) -> tuple[str, ...]:
        """The paths of the devices that are named as its source; bcachefs names all of its members."""
        named = self.source.partition("[")[0]
        return tuple(named.split(":")) if named.startswith("/dev/") else ()

    @property
    def pool(self) -> str:
        """The ZFS pool of a dataset, of a snapshot (`tank@now`) or of a part of one (`tank[/data]`)."""
        return re.split(r"[/@[]", self.source)[0]

    @property
    def is_read_only(self) -> bool:
        return "ro" in self.options


def holds(mount: Mount, path: str) -> bool:
    """True when a path lies in what is mounted."""
    return PurePosixPath(path).is_relative_to(mount.target)
