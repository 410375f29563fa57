"""The disk as the parameters ask for it: partitions, volume groups, volumes. Values only.

Both ways of installing (the unattended installer, and a live system) make this one layout, and the
check after either compares the disk with it. The guests' partition is the third and the host's own
the fourth, because Debian's partitioner puts physical volumes last and lets only one of the others
grow.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook.params import HostParams
from runbook.params.installation import EXTENT_MIB, partition_device

#: Partition types of a GPT, as `sfdisk --json` shows them (UEFI specification, "GPT Partition Entry").
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
LVM_TYPE = "E6D6D379-F507-44C2-A23C-238F2A3DF928"

#: What GPT needs at both ends of the disk, and the smallest remainder that is of use to guests.
TABLE_MIB = 2
LEAST_REST_MIB = 1024


@dataclass(frozen=True)
class Partition:
    """One partition. Sizes in MiB; `size_mib` None takes whatever the others leave."""

    number: int
    name: str
    type: str
    size_mib: int | None
    fs: str = ""
    """`vfat` or `ext4`; empty for a physical volume of LVM."""
    mount: str = ""
    options: tuple[str, ...] = ()
    group: str = ""
    """The volume group whose physical volume it is."""


@dataclass(frozen=True)
class LogicalVolume:
    """One volume of the host's own group."""

    name: str
    mount: str
    """`swap` for swap, which is mounted nowhere."""
    fs: str
    size_mib: int
    options: tuple[str, ...] = ()
    """What its line in fstab(5) asks for beyond the defaults, such as noatime."""


@dataclass(frozen=True)
class VolumeGroup:
    """An LVM volume group on exactly one partition."""

    name: str
    partition: int
    volumes: tuple[LogicalVolume, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The whole disk."""

    disk: str
    partitions: tuple[Partition, ...]
    groups: tuple[VolumeGroup, ...]

    def device(self, number: int) -> str:
        """Return the device of a partition: /dev/sda3, /dev/nvme0n1p3."""
        return partition_device(self.disk, number)

    @property
    def system(self) -> VolumeGroup:
        """The host's own group."""
        return self.groups[0]

    @property
    def guests(self) -> VolumeGroup:
        """The guests' group, empty as yet."""
        return self.groups[1]

    @property
    def least_disk_mib(self) -> int:
        """The smallest disk that it fits on, in MiB."""
        return TABLE_MIB + sum(p.size_mib or LEAST_REST_MIB for p in self.partitions)


def layout(params: HostParams) -> Layout:
    """Return the layout that the parameters ask for.

    >>> from runbook.params.host import Local
    >>> asked = layout(HostParams(host="victory", connection=Local()))
    >>> [(p.number, p.name, p.size_mib) for p in asked.partitions]
    [(1, 'esp', 768), (2, 'boot', 1024), (3, 'guests', None), (4, 'system', 61440)]
    >>> [volume.name for volume in asked.system.volumes]
    ['root', 'home', 'swap', 'varlog', 'tmp']
    """
    wanted = params.installation
    quiet = ("noatime",) if wanted.noatime else ()
    system, guests = wanted.system_volume_group, params.storage.guest_volume_group
    partitions = (
        Partition(1, "esp", ESP_TYPE, wanted.esp_mib, "vfat", "/boot/efi", ("umask=0077",)),
        Partition(2, "boot", LINUX_TYPE, wanted.boot_mib, "ext4", "/boot", quiet),
        Partition(3, "guests", LVM_TYPE, None, group=guests),
        Partition(4, "system", LVM_TYPE, wanted.system_gib * 1024, group=system),
    )
    size = wanted.volumes
    volumes = (
        LogicalVolume("root", "/", "ext4", _extents(size.root_mib), quiet),
        LogicalVolume("home", "/home", "ext4", _extents(size.home_mib), quiet),
        LogicalVolume("swap", "swap", "swap", _extents(size.swap_mib)),
        LogicalVolume("varlog", "/var/log", "ext4", _extents(size.var_log_mib), quiet),
        LogicalVolume("tmp", "/tmp", "ext4", _extents(size.tmp_mib), quiet),
    )
    return Layout(wanted.disk, partitions, (VolumeGroup(system, 4, volumes), VolumeGroup(guests, 3)))


def _extents(mib: int) -> int:
    """Round up to whole extents, as lvcreate(8) does."""
    return -(-mib // EXTENT_MIB) * EXTENT_MIB
