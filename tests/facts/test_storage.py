"""All storage as one tree: from what the tools said on real machines, and from what a test describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runbook.facts import storage
from runbook.facts.storage import Group, PhysicalVolume, Storage, asks
from runbook.facts.storage.places import Place
from runbook.facts.storage.places import places as places_of
from runbook.facts.storage.tables import Partition
from runbook.model.ask import Answer, Facts
from tests.storage_answers import answers, findmnt, loop, lv, lvm, node
from tests.survey.machines import bare, lsblk

SAMPLES = Path(__file__).parent / "storage"
SATA = "../../devices/pci0000:00/0000:00:1f.2/ata{0}/host{0}/target0:0:0/0:0:0:0/block/{1}"
VIRTIO = "../../devices/pci0000:00/0000:00:09.0/virtio3/block/"


def formatted(**changes: Answer) -> Storage:
    """Return a real machine's storage with Debian's layout half installed, answers exchanged by their program."""
    said = json.loads((SAMPLES / "formatted.json").read_text(encoding="utf-8"))
    real = {ask: Answer(*said[ask.key]) for ask in (*storage.COMMANDS, storage.TABLES)}
    return storage.parse(Facts({ask: changes.get(ask.argv[0], answer) for ask, answer in real.items()}))


def reported(case: str) -> Storage:
    """Return a host without disks of which LVM 2.03.16 said this."""
    return storage.parse(Facts(answers(report=(SAMPLES / f"lvm-{case}.json").read_text(encoding="utf-8"))))


def tree(*nodes, **more) -> Storage:
    return storage.parse(Facts(answers(*nodes, **more)))


def places(there: Storage, bdf: str) -> list[str]:
    """Return where something is mounted from the disks on a controller."""
    return [place for disk in there.on_controller(bdf) for place in there.places(disk.path)]


class TestDevices:
    def test_disk_is_described(self) -> None:
        """A disk has its size, sectors and serial number, and stands on nothing."""
        now = formatted()
        disk = now.device("/dev/vda")
        assert disk
        assert (disk.kind, disk.size_bytes, disk.sector_bytes) == ("disk", 107374182400, 512)
        assert (disk.serial, disk.model, disk.table, disk.parents) == ("testbed-disk0", "", "gpt", ())
        assert not disk.is_read_only
        assert [d.path for d in now.disks] == ["/dev/vda", "/dev/vdb"]

    def test_what_stands_on_a_disk(self) -> None:
        """Partitions and active volumes are listed once each, and know what they stand on."""
        now = formatted()
        assert [d.name for d in now.above("/dev/vda")] == [
            "vda1", "vda2", "vda3", "vda4", "xen-root", "xen-home", "xen-swap", "xen-varlog", "xen-tmp"
        ]  # fmt: skip
        root = now.device("/dev/mapper/xen-root")
        assert root
        assert (root.kind, root.fstype, root.parents) == ("lvm", "ext4", ("/dev/vda4",))
        assert root.mountpoints == ("/mnt/target",)
        assert [d.path for d in now.below(root.path)] == ["/dev/vda", "/dev/vda4"]
        assert now.disks_of("/dev/mapper/xen-root") == ("/dev/vda",)
        assert now.disks_of("/dev/vdb") == ("/dev/vdb",)
        assert now.disks_of("/dev/sdx1") == ()

    def test_an_array_has_several_parents(self) -> None:
        """An array that lsblk lists under each of its members is one device on all of their disks."""
        array = node("md0", "raid1", at=["/srv"], fstype="ext4")
        disks = [
            node(f"sd{x}", "disk", node(f"sd{x}1", "part", array, fstype="linux_raid_member")) for x in "ab"
        ]
        there = tree(*disks)
        (found,) = (d for d in there.devices if d.name == "md0")
        assert found.parents == ("/dev/sda1", "/dev/sdb1")
        assert there.disks_of("/dev/md0") == ("/dev/sda", "/dev/sdb")
        assert [there.places(d.path) for d in there.disks] == [("/srv",), ("/srv",)]

    def test_tables_of_all_disks(self) -> None:
        """Each disk's table is read from documents that stand one behind the other, in bytes."""
        now = formatted()
        assert [(t.path, t.label, len(t.partitions)) for t in now.tables] == [
            ("/dev/vda", "gpt", 4),
            ("/dev/vdb", "gpt", 3),
        ]
        table = now.table("/dev/vda")
        assert table
        esp = Partition(
            1, 2**20, 768 * 2**20, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "esp", path="/dev/vda1"
        )
        assert table.partitions[0] == esp
        assert now.table("/dev/sdx") is None

    def test_a_ring_of_loop_devices_ends(self) -> None:
        """What an answer claims of itself in a ring is walked once around."""
        ring = [loop("loop0", "/dev/loop1"), loop("loop1", "/dev/loop0")]
        there = tree(node("loop0", "loop"), node("loop1", "loop"), loops=ring)
        assert [d.name for d in there.above("/dev/loop0")] == ["loop1"]
        assert there.disks_of("/dev/loop0") == ()


class TestControllers:
    def test_the_testbeds_disks(self) -> None:
        """The system disk's controller carries dom0's mounts, the second one the guests' volume group."""
        found = storage.parse(bare())
        assert [d.name for d in found.on_controller("0000:00:08.0")] == ["vda"]
        assert places(found, "0000:00:08.0") == ["/", "/boot", "/boot/efi"]
        assert places(found, "0000:00:09.0") == []
        assert [use.who for use in found.uses("/dev/vdb") if use.kind == "group"] == ["guests"]
        assert found.groups == (Group("guests", 8585740288, 8585740288, 4194304),)

    def test_partitions_know_what_they_stand_on(self) -> None:
        """A partition names its disk, and has the disk's controller."""
        part = storage.parse(bare()).device("/dev/vda3")
        assert part
        assert (part.parents, part.controllers, part.kind) == (("/dev/vda",), ("0000:00:08.0",), "part")

    @pytest.mark.parametrize("kind", ["crypt", "raid1", "lvm"])
    def test_a_mount_is_found_through_every_layer(self, kind: str) -> None:
        """Swap on a volume on a partition belongs to the controller of the disk below."""
        top = {"name": "sys-swap", "type": kind, "mountpoints": ["[SWAP]"]}
        disk = {"name": "sda", "children": [{"name": "sda1", "children": [top]}]}
        found = storage.parse(bare(lsblk_json=lsblk(disk), block_links="sda " + SATA.format(1, "sda")))
        assert places(found, "0000:00:1f.2") == ["[SWAP]"]

    def test_a_disk_needs_all_that_is_on_its_path(self) -> None:
        """Intel's VMD stands before the domain that it makes, bridges before the controller."""
        link = (
            "../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0/nvme/nvme0/nvme0n1"
        )
        found = places_of(f"nvme0n1 {link}\n")["nvme0n1"]
        assert found == Place("pci", ("0000:00:0e.0", "10000:e0:06.0", "10000:e1:00.0"))

    def test_a_multipath_nvme_disk_is_on_the_controllers_of_its_paths(self) -> None:
        """The names of its paths say which: nvme1c0n1 and nvme1c3n1 are nvme1n1's, by the controllers 0 and 3."""
        links = (
            "nvme0n1 ../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1\n"
            "nvme1n1 ../../devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1\n"
            "nvme0c1n1 ../../devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme1/nvme0c1n1\n"
            "nvme1c0n1 ../../devices/pci0000:00/0000:00:1d.4/0000:04:00.0/nvme/nvme0/nvme1c0n1\n"
            "nvme1c3n1 ../../devices/pci0000:00/0000:00:1d.6/0000:05:00.0/nvme/nvme3/nvme1c3n1\n"
        )
        found = places_of(links)
        assert found["nvme0n1"].controllers == ("0000:00:1d.0", "0000:03:00.0")
        assert found["nvme1n1"].controllers == (
            "0000:00:1d.4",
            "0000:04:00.0",
            "0000:00:1d.6",
            "0000:05:00.0",
        )

    def test_a_multipath_nvme_disk_whose_paths_nobody_named(self) -> None:
        """It may be on any of the drives."""
        links = (
            "nvme0n1 ../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1\n"
            "nvme0 ../../../pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0\n"
            "nvme1 ../../../pci0000:00/0000:00:1d.4/0000:04:00.0/nvme/nvme1\n"
        )
        assert places_of(links)["nvme0n1"].controllers == (
            "0000:00:1d.0", "0000:03:00.0", "0000:00:1d.4", "0000:04:00.0",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "link", "kind", "sessions"),
        [
            ("sdb", "platform/host3/session7/target3:0:0/3:0:0:0/block/sdb", "network", ("session7",)),
            ("sdc", "pci0000:00/0000:05:00.0/host4/session1/target4:0:0/4:0:0:0/block/sdc", "pci", ()),
            ("nvme2n1", "virtual/nvme-fabrics/ctl/nvme2/nvme2n1", "network", ("nvme2",)),
            ("rbd0", "rbd/0/block/rbd0", "network", ()),
            ("zd16", "virtual/block/zd16", "pool", ()),
            ("loop3", "virtual/block/loop3", "file", ()),
            ("zram0", "virtual/block/zram0", "memory", ()),
            ("mmcblk0", "platform/80860F14:00/mmc_host/mmc0/mmc0:0001/block/mmcblk0", "platform", ()),
            ("drbd0", "virtual/block/drbd0", "unknown", ()),
        ],
    )
    def test_what_is_on_no_controller(
        self, name: str, link: str, kind: str, sessions: tuple[str, ...]
    ) -> None:
        """A session of iSCSI, a volume of ZFS, memory, a file: each is told apart, and what nobody knows is not known."""
        found = places_of(f"{name} ../../devices/{link}\n")[name]
        assert (found.kind, found.sessions) == (kind, sessions)


class TestPools:
    """What spreads over several disks is in use on all of them, although lsblk shows its mounts on one at most."""

    @pytest.mark.parametrize("kind", ["btrfs", "bcachefs"])
    def test_the_second_disk_of_a_file_system(self, kind: str) -> None:
        """A member of the same file system has its mounts; one of another has not."""
        mounted = node("sda", at=["/srv"], fstype=kind, uuid="one")
        there = tree(mounted, node("sdb", fstype=kind, uuid="one"), node("sdc", fstype=kind, uuid="two"))
        assert [there.places(f"/dev/sd{x}") for x in "abc"] == [("/srv",), ("/srv",), ()]
        assert [use.kind for use in there.uses("/dev/sdb")] == ["pool"]
        assert [use.kind for use in there.uses("/dev/sdc")] == ["content"]

    def test_a_zfs_pool(self) -> None:
        """A member of a pool has the mounts of all of its data sets, and of no other pool's."""
        member = node("sdc1", "part", fstype="zfs_member", label="tank")
        mounts = findmnt(
            ("/", "rpool/root", "zfs", "rw"), ("/tank", "tank/a", "zfs", "rw"), ("/x", "tankb", "zfs", "")
        )
        there = tree(node("sdc", "disk", member), mounts=mounts)
        assert there.places("/dev/sdc") == ("/tank",)
        assert [use.whole for use in there.uses("/dev/sdc")] == ["the ZFS pool tank"]

    def test_strangers_without_a_uuid(self) -> None:
        """Disks without a UUID are not taken for parts of one another."""
        there = tree(node("sda", at=["/srv"], fstype="btrfs"), node("sdb", fstype="btrfs"))
        assert there.places("/dev/sdb") == ()

    @pytest.mark.parametrize(
        ("fstype", "kind"),
        [
            ("crypto_LUKS", "crypt"),
            ("linux_raid_member", "raid"),
            ("ceph_bluestore", "member"),
            ("mpath_member", "member"),
            ("ntfs", "content"),
        ],
    )
    def test_what_nobody_has_open_is_a_use_too(self, fstype: str, kind: str) -> None:
        """Whatever blkid recognises makes a disk one that is not free."""
        there = tree(node("sda", fstype=fstype), node("sdb"), node("sdc", pttype="gpt"))
        assert [(use.kind, use.is_open) for use in there.uses("/dev/sda")] == [(kind, False)]
        assert [there.is_free(f"/dev/sd{x}") for x in "abcd"] == [False, True, False, False]


class TestMounts:
    def test_mounts_of_every_kind_are_there(self) -> None:
        """The root is found whatever it is, and a mount has its options."""
        now = formatted()
        root, boot = now.mount("/"), now.mount("/mnt/target/boot")
        assert root
        assert boot
        assert (root.devices, root.fstype, root.is_read_only) == (("/dev/vdb3",), "ext4", False)
        assert "noatime" in boot.options
        assert now.mount("/mnt/nowhere") is None

    def test_later_mount_hides_the_earlier(self) -> None:
        """Of two mounts at one place the last is the one that is seen."""
        now = formatted(findmnt=Answer(0, findmnt(("/", "first", "x", "rw"), ("/", "last", "x", "rw"))))
        root = now.mount("/")
        assert root
        assert root.source == "last"

    def test_the_mount_that_holds_a_path(self) -> None:
        """The deepest mount holds a path, and a name that only begins alike does not."""
        there = tree(mounts=findmnt(("/", "a", "ext4", "rw"), ("/boot", "b", "ext4", "rw")))
        assert [m.source for path in ("/boot/grub", "/bootx") if (m := there.mount_of(path))] == ["b", "a"]

    def test_a_subvolume_names_its_device(self) -> None:
        """What stands in brackets behind the device is a part of its file system."""
        there = tree(mounts=findmnt(("/home", "/dev/sda2[/@home]", "btrfs", "rw,ro")))
        assert there.mounts[0].devices == ("/dev/sda2",)
        assert there.mounts[0].is_read_only


class TestLvm:
    def test_lvm_is_read_from_its_report(self) -> None:
        """Groups, their physical volumes and volumes have sizes in bytes and the paths that mounts name."""
        now = formatted()
        assert now.group("xen") == Group("xen", 64420315136, 12880707584, 4194304)
        assert PhysicalVolume("/dev/vda3", "guests", 41066430464) in now.physical_volumes
        assert [p.path for p in now.parts_of("xen")] == ["/dev/vda4"]
        found = now.volume("xen", "varlog")
        assert found
        assert (found.size, found.dm_path, found.path) == (
            4294967296, "/dev/mapper/xen-varlog", "/dev/xen/varlog",
        )  # fmt: skip
        assert [use.what for use in found.uses] == ["is mounted at /mnt/target/var/log"]
        assert (now.group("other"), now.volume("xen", "other")) == (None, None)

    def test_a_thin_pool(self) -> None:
        """A pool and a volume that takes its room there are told apart from one that stands on its own."""
        there = reported("thin")
        assert {v.full_name: (v.layout, v.pool) for v in there.volumes} == {
            "vg-1/lin": (("linear",), ""),
            "vg-1/pool": (("thin", "pool"), ""),
            "vg-1/th": (("thin", "sparse"), "pool"),
        }
        assert [p.path for p in there.physical_volumes if not p.group] == ["/dev/loop0p1"]

    def test_how_full_a_thin_pool_is(self) -> None:
        """Its room and its book-keeping fill up one without the other."""
        row = lv("vg/pool", 2**30, 0, lv_attr="twi-aotz--", data_percent="12.50", metadata_percent="99.10")
        (pool,) = tree(report=lvm({"vg": (2**33, 0)}, (), [row])).volumes
        assert (pool.data_percent, pool.metadata_percent) == (12.5, 99.1)

    def test_a_group_that_lacks_a_disk(self) -> None:
        """A physical volume that the machine has not is known as missing, and the rest can be read."""
        missing = [p for p in reported("missing").parts_of("vg-1") if p.is_missing]
        assert missing == [PhysicalVolume("[unknown]", "vg-1", 1069547520, is_missing=True)]

    def test_group_names_with_hyphens_are_not_mixed_up(self) -> None:
        """A mounted volume of the group `a-b` does not make the group `a` mounted."""
        top = node("a--b-root", "lvm", at=["/"], minor=0)
        report = lvm({"a": (9, 9), "a-b": (9, 0)}, (), [lv("a-b/root", 9, 0), lv("a/b-root", 9)])
        there = tree(node("sda", "disk", top), report=report)
        assert (there.is_mounted("a-b"), there.is_mounted("a")) == (True, False)

    def test_an_open_volume(self) -> None:
        """The sixth letter of lv_attr tells that somebody has the volume open."""
        rows = [lv("guests/comm", 9, lv_attr="-wi-ao----"), lv("guests/nginx", 9, lv_attr="-wi-a-----")]
        there = tree(report=lvm({"guests": (99, 0)}, (), rows))
        assert [(v.name, v.is_open) for v in there.volumes] == [("comm", True), ("nginx", False)]

    def test_without_lvm_there_are_no_groups(self) -> None:
        """On a system without LVM's tools, or without any table, the lists are empty and nothing fails."""
        now = formatted(lvm=Answer(127, "", "not found"), sh=Answer(0))
        assert (now.groups, now.volumes, now.physical_volumes, now.tables) == ((), (), (), ())
        assert not now.has_lvm
        assert len(now.disks) == 2

    def test_a_host_whose_lvm_has_nothing(self) -> None:
        """An empty report is an answer."""
        there = tree(report='  {\n      "report": [\n      ]\n  }\n')
        assert (there.has_lvm, there.groups) == (True, ())


def test_every_tool_is_asked_once() -> None:
    """One question a tool serves all readers."""
    programs = [ask.argv[0] for ask in (*storage.COMMANDS, *asks.GUESTS) if ask.argv[0] not in ("sh", "xl")]
    assert len(programs) == len(set(programs))
