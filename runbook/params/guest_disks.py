"""The disks of a guest: volumes of LVM and ZFS, files, CDs, and whatever else the host has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from runbook.params.names import GroupName, VolumeName
from runbook.params.paths import IsoPath
from runbook.params.types import Closed, Gib
from runbook.params.xl_words import Drive, HostPath, SpecWord, XlText, ZfsName

KINDS = ("volume", "zvol", "file", "device", "cd")


class Volume(Closed):
    """The guest's disk: a logical volume in the guests' volume group."""

    name: VolumeName
    """The logical volume's name in the guests' volume group, best the guest's own."""
    size_gib: Gib
    """Size of the guest's disk in GiB. It can be grown later, never shrunk."""
    thin_pool: VolumeName | None = Field(default=None, examples=["pool"])
    """A thin pool of the same group: the volume then takes only the room that is written to."""


class Disk(Closed):
    """One disk of a guest: exactly one of volume, zvol, file, device and cd says what it is."""

    volume: VolumeName | None = Field(default=None, examples=["web-data"])
    """A logical volume, in the guests' volume group where `group` says no other."""
    group: GroupName | None = Field(default=None, examples=["vg1"])
    """The volume group of a volume that is not in the guests'; such a volume must be there."""
    size_gib: Gib | None = Field(default=None, examples=[20])
    """Size of a volume in the guests' group in GiB, so that it is made; without it the volume must be there."""
    thin_pool: VolumeName | None = Field(default=None, examples=["pool"])
    """A thin pool of the same group, from which the volume is made."""
    zvol: ZfsName | None = Field(default=None, examples=["tank/guests/web"])
    """A ZFS volume, POOL/NAME; it must be there (`zfs create -V 20G POOL/NAME`)."""
    file: HostPath | None = Field(default=None, examples=["/srv/images/web.qcow2"])
    """An image file on the host; it must be there (`qemu-img create -f qcow2 FILE 20G`)."""
    device: XlText | None = Field(default=None, examples=["/dev/disk/by-id/ata-DISK-part2"])
    """Any other block device of the host, a whole disk or a partition, or what its `script` understands."""
    cd: IsoPath | Literal[""] | None = Field(default=None, examples=["/srv/iso/debian.iso"])
    """An .iso in a CD drive; '' is an empty drive."""
    vdev: Drive | None = Field(default=None, examples=["xvdb"])
    """The drive that the guest sees; empty takes the next one: hda, hdb, hdc, hdd of an HVM guest, xvda, xvdb … of others."""
    format: Literal["raw", "qcow", "qcow2", "vhd", "qed"] | None = Field(default=None, examples=["qcow2"])
    """How the image is written; empty goes by the name of a file (.qcow2, .vhd, .qed), and is raw for all else."""
    read_only: bool = False
    """The guest can only read it."""
    shared: bool = False
    """Another guest of the host may have it too; without a file system for that, two that write destroy it."""
    discard: bool | None = Field(default=None, examples=[False])
    """Whether the guest's discards reach the disk; empty leaves it to Xen, which passes them on where it can."""
    backend_type: Literal["phy", "qdisk", "tap", "standalone"] | None = Field(
        default=None, examples=["qdisk"]
    )
    """Who serves it: the kernel (phy) or QEMU (qdisk); empty leaves it to Xen."""
    backend: SpecWord | None = Field(default=None, examples=["storage"])
    """The driver domain that has it; empty is dom0."""
    script: SpecWord | None = Field(default=None, examples=["block-iscsi"])
    """The script in /etc/xen/scripts that makes a block device of `device`."""
    direct_io_safe: bool = False
    """The disk may be read past dom0's cache while dom0 crashes; only for those that know why."""

    @property
    def kind(self) -> str:
        """What it is: volume, zvol, file, device or cd."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def is_own(self) -> bool:
        """Whether it is a logical volume that the runbook makes and keeps in the guests' group."""
        return self.volume is not None and self.group is None and self.size_gib is not None

    @model_validator(mode="after")
    def _one_thing(self) -> Disk:
        said = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(said) != 1:
            raise ValueError(
                f"a disk is one thing, and this one is {' and '.join(said) or 'none'}; say one of {', '.join(KINDS)}"
            )
        if self.volume is None and (
            wrong := [k for k in ("group", "size_gib", "thin_pool") if getattr(self, k)]
        ):
            raise ValueError(f"`{wrong[0]}` is for a logical volume; this disk is a {said[0]}")
        if self.group is not None and (self.size_gib or self.thin_pool):
            raise ValueError(
                f"the runbook makes volumes only in storage.guest_volume_group; make {self.group}/{self.volume} "
                "yourself, and leave size_gib and thin_pool out"
            )
        if self.thin_pool and not self.size_gib:
            raise ValueError("`thin_pool` is for a volume that is made; say its size_gib too")
        if self.cd is not None and (self.format or self.discard is not None):
            raise ValueError("a CD has no format and no discard; leave them out")
        return self
