"""Disks and what stands on them, down to the PCI controller."""

import json

import pytest

from runbook.facts import storage
from tests.survey.machines import bare, lsblk

SATA = "../../devices/pci0000:00/0000:00:1f.2/ata{0}/host{0}/target0:0:0/0:0:0:0/block/{1}"


def test_the_testbeds_disks():
    """The system disk's controller carries dom0's mounts, the second one the guests' volume group."""
    found = storage.parse(bare())
    assert found.disks_of("0000:00:08.0") == ("vda",)
    assert found.uses_of("0000:00:08.0") == ("/", "/boot", "/boot/efi")
    assert (found.uses_of("0000:00:09.0"), found.groups_of("0000:00:09.0")) == ((), ("guests",))
    assert found.groups == (storage.VolumeGroup("guests", 8585740288, 8585740288, ("/dev/vdb",)),)


def test_partitions_know_what_they_stand_on():
    """A partition names its disk, and has the disk's controller."""
    found = storage.parse(bare())
    part = next(b for b in found.blocks if b.name == "vda3")
    assert (part.under, part.controllers, part.kind) == (("vda",), ("0000:00:08.0",), "part")


@pytest.mark.parametrize("kind", ["crypt", "raid1", "lvm"])
def test_a_mount_is_found_through_every_layer(kind):
    """Swap on a volume on a partition belongs to the controller of the disk below."""
    top = {"name": "sys-swap", "type": kind, "mountpoints": ["[SWAP]"]}
    disk = {"name": "sda", "children": [{"name": "sda1", "children": [top]}]}
    found = storage.parse(bare(lsblk_json=lsblk(disk), block_links="sda " + SATA.format(1, "sda")))
    assert found.uses_of("0000:00:1f.2") == ("[SWAP]",)


def test_the_second_disk_of_a_btrfs_is_in_use():
    """A disk that is a member of a mounted btrfs counts as mounted, although lsblk shows nothing on it."""
    member = {"fstype": "btrfs", "uuid": "one"}
    mounted = {"name": "sda", "mountpoints": ["/srv"], **member}
    disks, others = (lsblk(mounted, {"name": "vdz", **member, "uuid": uuid}) for uuid in ("one", "two"))
    links = "sda " + SATA.format(1, "sda") + "\nvdz ../../devices/pci0000:00/0000:00:09.0/virtio3/block/vdz\n"
    found = storage.parse(bare(lsblk_json=disks, block_links=links))
    assert found.uses_of("0000:00:09.0") == ("/srv",)
    assert storage.parse(bare(lsblk_json=others, block_links=links)).uses_of("0000:00:09.0") == ()


def test_two_unmounted_disks_without_uuid_are_strangers():
    """Disks without a UUID are not taken for parts of one another."""
    disks = lsblk({"name": "sda", "mountpoints": ["/srv"]}, {"name": "vdz"})
    links = "vdz ../../devices/pci0000:00/0000:00:09.0/virtio3/block/vdz\n"
    assert storage.parse(bare(lsblk_json=disks, block_links=links)).uses_of("0000:00:09.0") == ()


def test_a_multipath_nvme_disk_has_all_its_controllers():
    """A multipath NVMe disk has no device in its own path; its subsystem's controllers are taken."""
    links = (
        "nvme0n1 ../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1\n"
        "nvme0 ../../../pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0\n"
        "loop0 ../../devices/virtual/block/loop0\n"
    )
    assert storage.controllers(links) == {"nvme0": ("0000:03:00.0",), "nvme0n1": ("0000:03:00.0",)}


def test_the_file_system_that_holds_a_path():
    """The deepest mount holds a path; without a /boot of its own that is the root."""
    found = storage.parse(bare())
    assert getattr(found.mount_of("/boot"), "free_bytes", None) == 885796864
    root = json.dumps({"filesystems": [{"target": "/", "source": "a", "fstype": "b", "size": 9, "avail": 5}]})
    found = storage.parse(bare(findmnt_json=root))
    assert found.mount_of("/boot") == storage.Mount("/", "a", "b", size_bytes=9, free_bytes=5)


def test_group_names_with_hyphens_are_not_mixed_up():
    """A mounted volume of the group `a-b` does not make the group `a` mounted."""
    top = {"name": "a--b-root", "type": "lvm", "mountpoints": ["/"]}
    found = storage.parse(bare(lsblk_json=lsblk({"name": "sda", "children": [top]})))
    assert (found.is_group_mounted("a-b"), found.is_group_mounted("a")) == (True, False)


def test_an_open_volume():
    """The sixth letter of lv_attr tells that somebody has the volume open."""
    rows = [{"vg_name": "guests", "lv_name": n, "lv_size": "1073741824", "lv_attr": a}
            for n, a in (("comm", "-wi-ao----"), ("nginx", "-wi-a-----"))]  # fmt: skip
    found = storage.parse(bare(lvs_json=json.dumps({"report": [{"lv": rows}]})))
    assert [(v.name, v.is_open) for v in found.volumes] == [("comm", True), ("nginx", False)]


def test_without_lvm_there_are_no_groups():
    """A machine on which lvm2 is not installed has no groups and no volumes."""
    found = storage.parse(bare(vgs_json=None, lvs_json=None))
    assert (found.groups, found.volumes) == ((), ())
