"""What dom0 uses counts on its whole path, and where nobody can tell what a use rests on, nothing that could carry it is offered."""

import json

import pytest

from runbook import survey
from runbook.params.types import bdf
from runbook.survey import MAY, STAY
from tests.storage_answers import findmnt, lsblk, node
from tests.survey.machines import Pci, devices

VMD, BEHIND = "0000:00:0e.0", ("10000:e0:06.0", "10000:e1:00.0")
ROOT, SPARE = "0000:00:17.0", "0000:04:00.0"
_DISKS = (Pci(ROOT, "8086:a352", "010601"), Pci(SPARE, "144d:a80a", "010802", ("0000:00:1d.0",)))
_SDA = f"sda ../../devices/pci0000:00/{ROOT}/ata1/host1/target1:0:0/1:0:0:0/block/sda\n"
_NVME = f"nvme0n1 ../../devices/pci0000:00/0000:00:1d.0/{SPARE}/nvme/nvme0/nvme0n1\n"


def said(facts, address):
    """Return verdict and kinds of reasons about a device."""
    machine = survey.read(facts)
    reasons = survey.judge(machine, machine.device(address))
    return survey.verdict(reasons), [reason.kind for reason in reasons]


def text(facts, address):
    machine = survey.read(facts)
    return [reason.text for reason in survey.judge(machine, machine.device(address))]


def storage(*nodes, mounts=(), links=_SDA + _NVME, more="", **changes):
    """Return a machine with a SATA controller of sda and an NVMe drive."""
    given = {
        "lsblk_json": lsblk(*nodes),
        "findmnt_json": findmnt(*mounts),
        "block_links": links and links + more,
    }
    return devices(*_DISKS, Pci("0000:00:1d.0", code="060400", bus=4), **given, **changes)


def part(disk, *children, **columns):
    return node(disk, "disk", node(f"{disk}p1", "part", *children, **columns))


class TestVmd:
    def box(self, at, **changes):
        """Return a machine with a drive behind VMD, mounted somewhere or nowhere."""
        path = f"pci0000:00/{VMD}/pci10000:e0/{'/'.join(BEHIND)}"
        far = Pci(BEHIND[1], "144d:a80a", "010802", (VMD, "pci10000:e0", BEHIND[0]))
        port = Pci(BEHIND[0], "8086:a0b0", "060400", (VMD, "pci10000:e0"), bus=225)
        return devices(
            Pci(VMD, changes.pop("id", "8086:a77f"), "010400", express=False), port, far,
            lsblk_json=lsblk(part("nvme0n1", at=at, fstype="ext4")), findmnt_json="",
            block_links=f"nvme0n1 ../../devices/{path}/nvme/nvme0/nvme0n1\n", **changes,
        )  # fmt: skip

    def test_it_stays_with_what_is_behind_it(self):
        """VMD stands before the domain that it makes, on the path of the disk with /."""
        verdict, kinds = said(self.box(["/"]), VMD)
        assert (verdict, kinds[0]) == (STAY, "disk")

    def test_a_spare_drive_behind_it(self):
        """No five-digit domain can stand in parameters, xl or Xen, and VMD brings nothing else: both say VMD, with the way out."""
        assert said(self.box([]), BEHIND[1])[0] == STAY
        assert text(self.box([]), BEHIND[1])[0] == (
            "it is in the PCI domain 10000, which Intel VMD (0000:00:0e.0) makes, and Xen knows none beyond ffff"
        )
        verdict, kinds = said(self.box([]), VMD)
        assert (verdict, kinds[0]) == (STAY, "vmd")

    @pytest.mark.parametrize("how", [{"id": "8086:467f"}, {"id": "8086:ffff", "pci_links": None}])
    def test_it_is_known_by_its_id_or_its_driver(self, how):
        """A newer one is driven by `vmd` like those of Linux' table."""
        if "pci_links" in how:
            links = [f"/sys/bus/pci/devices/{VMD} ../../../devices/pci0000:00/{VMD}"]
            links += [f"/sys/bus/pci/devices/{VMD}/driver ../../../../bus/pci/drivers/vmd"]
            how = how | {"pci_links": "\n".join(links)}
        assert said(self.box([], **how), VMD)[1][0] == "vmd"

    def test_the_parameters_say_why_they_refuse_one(self):
        """An address in such a domain is told from a typing error, with the way out."""
        with pytest.raises(ValueError, match=r"beyond ffff.*turn VMD off in the firmware"):
            bdf(BEHIND[1])


class TestThunderbolt:
    def box(self, kind, *, used=True, links=""):
        """Return a machine whose uplink is in a dock: below a port of the processor, or of a controller that is a switch."""
        if kind == "switch":
            top = ("0000:00:1c.0", "0000:05:00.0")
            interface = Pci("0000:07:00.0", "8086:15eb", "088000", (*top, "0000:06:00.0"))
            dock = (*top, "0000:06:01.0", "0000:08:00.0", "0000:09:02.0")
            bridges = (*top, "0000:06:00.0", *dock[2:])
        else:
            interface = Pci("0000:00:0d.2", "8086:9a1b", "0c0340", group=9)
            dock = ("0000:00:07.0", "0000:02:00.0", "0000:03:02.0")
            bridges = dock
        card = Pci("0000:0a:00.0", above=dock)
        near = Pci("0000:00:1f.6")
        link = f"/sys/class/net/eth0 ../../devices/pci0000:00/{'/'.join((*dock, card.bdf))}/net/eth0\n"
        addresses = [
            {
                "ifname": "eth0",
                "flags": ["UP"],
                "addr_info": [{"local": "192.0.2.10", "prefixlen": 24}] if used else [],
            }
        ]
        return devices(
            interface, Pci("0000:00:0d.0", "8086:9a13", "0c0330", group=9), card, near, *self.bridges(bridges),
            net_links=link, ip_addr_json=json.dumps(addresses), ip_route_json="[]", session="", pci_beyond=links,
        )  # fmt: skip

    def bridges(self, bdfs):
        """Return each bridge below those that stand before it, as far as they lie on one way."""
        found, way = [], []
        for number, address in enumerate(bdfs, 1):
            above = tuple(way[:2]) if address == "0000:06:01.0" else tuple(way)
            found.append(Pci(address, code="060400", above=above, bus=number))
            way = [*above, address]
        return found

    @pytest.mark.parametrize(("kind", "interface"), [("ports", "0000:00:0d.2"), ("switch", "0000:07:00.0")])
    def test_the_host_interface_stays_while_something_in_use_is_tunnelled(self, kind, interface):
        """The uplink in the dock needs the interface that set its tunnel up, and the interface's group goes with it."""
        assert said(self.box(kind), interface) == (STAY, ["carries"])
        assert text(self.box(kind), interface) == [
            "0000:0a:00.0 is reached through it, which dom0 uses or may use"
        ]
        assert "carries" not in said(self.box(kind, used=False), interface)[1]
        if kind == "ports":
            assert said(self.box(kind), "0000:00:0d.0") == (STAY, ["held"])

    def test_linux_says_which_ports_are_its_own(self):
        """Where ports name the interface that they need, what is below others does not count."""
        mine = "/sys/bus/pci/devices/0000:00:07.0/supplier:pci:0000:00:0d.2 ../../virtual/devlink/x\n"
        others = "/sys/bus/pci/devices/0000:00:08.0/supplier:pci:0000:00:0d.2 ../../virtual/devlink/x\n"
        port = "/sys/bus/pci/devices/0000:00:07.0/supplier:pci:0000:00:0d.3 ../../virtual/devlink/x\n"
        assert "carries" in said(self.box("ports", links=mine), "0000:00:0d.2")[1]
        assert survey.read(self.box("ports", links=mine)).device("0000:00:07.0").suppliers == (
            "0000:00:0d.2",
        )
        # A port that is not in this machine names it, so nothing is known of its own ones.
        assert "carries" in said(self.box("ports", links=others + port), "0000:00:0d.2")[1]


class TestPools:
    def test_members_of_a_mounted_pool_stay(self):
        """lsblk shows a member without a mount; findmnt knows the pool that is mounted."""
        member = part("sda", fstype="zfs_member", label="rpool")
        facts = storage(member, node("nvme0n1"), mounts=[("/", "rpool/ROOT/debian", "zfs", "rw")])
        assert (said(facts, ROOT), said(facts, SPARE)) == ((STAY, ["disk"]), (MAY, []))

    def test_a_member_without_a_name_may_be_of_any_pool(self):
        """So it stays too."""
        facts = storage(
            part("nvme0n1", fstype="zfs_member"), node("sda"), mounts=[("/", "rpool", "zfs", "rw")]
        )
        assert said(facts, SPARE) == (STAY, ["disk"])

    def test_of_a_pool_whose_members_nobody_sees_every_disk_may_be_one(self):
        """No disk controller is offered, and the reason names the mount."""
        facts = storage(node("sda"), node("nvme0n1"), mounts=[("/tank", "tank", "zfs", "rw")])
        assert said(facts, ROOT) == said(facts, SPARE) == (STAY, ["unplaced"])
        assert text(facts, ROOT) == ["no disk is known to carry /tank (zfs tank), so one of its own may"]

    def test_swap_on_a_volume_of_zfs(self):
        """zd0 does not say of which pool it is."""
        swap = node("zd0", "disk", at=["[SWAP]"], fstype="swap")
        facts = storage(
            part("sda", fstype="zfs_member", label="a"), swap, more="zd0 ../../devices/virtual/block/zd0\n"
        )
        assert said(facts, ROOT) == (STAY, ["disk"])
        assert said(storage(node("sda"), swap, more="zd0 ../../devices/virtual/block/zd0\n"), ROOT) == (
            STAY,
            ["unplaced"],
        )

    def test_bcachefs_names_its_members_in_findmnt(self):
        """blkid may not know it, and lsblk shows its mount on one disk; a member that is not there makes it doubtful."""
        nodes = part("sda", at=["/srv"]), part("nvme0n1")
        both = storage(*nodes, mounts=[("/srv", "/dev/sdap1:/dev/nvme0n1p1", "bcachefs", "rw")])
        assert said(both, ROOT) == said(both, SPARE) == (STAY, ["disk"])
        lost = storage(*nodes, mounts=[("/srv", "/dev/sdap1:/dev/sdz1", "bcachefs", "rw")])
        assert said(lost, SPARE) == (STAY, ["unplaced"])


class TestMounts:
    @pytest.mark.parametrize(
        "mount",
        [
            ("/", "overlay", "overlay", "rw,lowerdir=/lower,upperdir=/upper"),
            ("/", "/dev/mapper/gone", "ext4", "rw"),
            ("/srv", "/dev/drbd0", "xfs", "rw"),
            ("/srv", "gpfs0", "gpfs", "rw"),
            ("/", "none", "virtiofs", "rw"),
        ],
    )
    def test_what_no_disk_carries_may_be_on_any(self, mount):
        """A root in layers that nobody sees, a device that lsblk does not list, a file system of a cluster."""
        assert said(storage(node("sda"), mounts=[mount]), ROOT) == (STAY, ["unplaced"])

    @pytest.mark.parametrize(
        "mount",
        [
            ("/var/lib/docker/overlay2/x/merged", "overlay", "overlay", "rw,lowerdir=/a,upperdir=/b"),
            ("/run", "tmpfs", "tmpfs", "rw"),
            ("/", "tmpfs", "tmpfs", "rw"),
            ("/etc/pve", "/dev/fuse", "fuse", "rw"),
            ("/run/user/0/doc", "portal", "fuse.portal", "rw"),
            ("/mnt", "nas:/export", "nfs4", "rw"),
            ("/proc", "proc", "proc", "rw"),
            ("/boot/efi", "systemd-1", "autofs", "rw"),
            ("/run/netns/a", "nsfs[net:[4026532]]", "nsfs", "rw"),
        ],
    )
    def test_file_systems_without_disks_are_none(self, mount):
        """The kernel's own, memory, a network's, a program's, the layers of containers."""
        assert said(storage(node("sda"), mounts=[mount]), ROOT) == (MAY, [])

    def test_layers_are_followed_to_their_disks(self):
        """A root of layers over a mount that is seen rests on that disk, another controller is free."""
        mounts = [
            ("/media/ro", "/dev/sdap1", "ext4", "ro"), ("/media/rw", "tmpfs", "tmpfs", "rw"),
            ("/", "overlay", "overlay", "rw,lowerdir=/media/ro,upperdir=/media/rw/up,workdir=/media/rw/work"),
        ]  # fmt: skip
        facts = storage(part("sda", at=["/media/ro"], fstype="ext4"), node("nvme0n1"), mounts=mounts)
        assert (said(facts, ROOT), said(facts, SPARE)) == ((STAY, ["disk"]), (MAY, []))

    def test_a_live_system_rests_on_its_medium(self):
        """The squashfs below the layers is a file on a stick that is mounted; the disks in the machine are free."""
        mounts = [
            ("/run/live/medium", "/dev/sdap1", "iso9660", "ro"), ("/run/live/rootfs", "/dev/loop0", "squashfs", "ro"),
            ("/run/live/overlay", "tmpfs", "tmpfs", "rw"),
            ("/", "overlay", "overlay", "rw,lowerdir=/run/live/rootfs/,upperdir=/run/live/overlay/rw"),
        ]  # fmt: skip
        nodes = (
            part("sda", at=["/run/live/medium"], fstype="iso9660"),
            node("nvme0n1"),
            node("loop0", "loop", at=["/run/live/rootfs"]),
        )
        image = {
            "name": "/dev/loop0",
            "back-file": "/run/live/medium/live/fs.squashfs",
            "offset": 0,
            "sizelimit": 0,
            "ro": True,
        }
        loops = json.dumps({"loopdevices": [image]})
        seen = storage(
            *nodes, mounts=mounts, more="loop0 ../../devices/virtual/block/loop0\n", losetup_json=loops
        )
        assert (said(seen, ROOT), said(seen, SPARE)) == ((STAY, ["disk"]), (MAY, []))
        unseen = storage(*nodes, mounts=mounts, more="loop0 ../../devices/virtual/block/loop0\n")
        assert said(unseen, SPARE) == (STAY, ["unplaced"])

    def test_nothing_is_said_where_nobody_asked_for_the_links(self):
        """Older answers have no paths of disks: what they show otherwise suffices."""
        facts = storage(
            part("sda", at=["/"], fstype="ext4"), links="", mounts=[("/", "/dev/sdap1", "ext4", "rw")]
        )
        assert (said(facts, ROOT), said(facts, SPARE)) == ((MAY, []), (MAY, []))
