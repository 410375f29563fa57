"""What `runbook new` and the survey say of storage that a plain disk with partitions is not; each case by its name."""

from __future__ import annotations

from typing import Any

import pytest

from runbook import survey
from runbook.actions.volumes import TAG
from runbook.proposal.disks import disks, guest_group, guest_pool
from runbook.steps.guests import create_volumes
from runbook.survey import CARE, MAY, STAY
from tests.storage_answers import findmnt, lsblk, lvm, node
from tests.survey.machines import Pci, devices, guest, params

SYSTEM, DATA = "0000:01:00.0", "0000:00:17.0"
GIB = 2**30
ROOT = ("/", "/dev/nvme0n1p2", "ext4", "rw")


def facts(*nodes: dict[str, Any], mounts: tuple[tuple[str, str, str, str], ...] = (ROOT,), report: str = ""):
    """Return a machine whose disks nvme0n1 and sda hang on a controller each."""
    links = (
        f"nvme0n1 ../../devices/pci0000:00/0000:00:1b.0/{SYSTEM}/nvme/nvme0/nvme0n1\n"
        f"sda ../../devices/pci0000:00/{DATA}/ata1/host0/target0:0:0/0:0:0:0/block/sda\n"
    )
    controllers = (Pci(SYSTEM, "144d:a808", "010802"), Pci(DATA, "8086:a352", "010601"))
    said = {"lsblk_json": lsblk(*nodes), "findmnt_json": findmnt(*mounts), "lvm_json": report}
    return devices(*controllers, block_links=links, **said)


def system(fstype: str = "ext4", at: tuple[str, ...] = ("/",), uuid: str | None = None) -> dict[str, Any]:
    part = node("nvme0n1p2", "part", fstype=fstype, uuid=uuid, at=at)
    return node("nvme0n1", "disk", part, size=500 * GIB, pttype="gpt")


def sda(*parts: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return node("sda", "disk", *parts, size=2000 * GIB, **columns)


ZFS = ROOT, ("/tank", "tank", "zfs", "rw"), ("/tank/a", "tank/a", "zfs", "rw")
CASES = {
    "bcachefs-second-member": (
        facts(
            system("bcachefs", uuid="b"),
            sda(fstype="bcachefs", uuid="b"),
            mounts=(("/", "/dev/nvme0n1p2:/dev/sda", "bcachefs", "rw"),),
        ),
        "bcachefs on several disks at /",
        (STAY, "dom0 uses / on its disk sda"),
    ),
    "btrfs-second-disk": (
        facts(
            system("btrfs", ("/", "/home"), "u"),
            sda(node("sda1", "part", fstype="btrfs", uuid="u")),
            mounts=(
                ("/", "/dev/nvme0n1p2[/@]", "btrfs", "rw"),
                ("/home", "/dev/nvme0n1p2[/@home]", "btrfs", "rw"),
            ),
        ),
        "btrfs on several disks at /, /home",
        (STAY, "dom0 uses /, /home on its disk sda"),
    ),
    "zfs-data-pool": (
        facts(system(), sda(node("sda1", "part", fstype="zfs_member", label="tank")), mounts=ZFS),
        "ZFS pool tank at /tank, /tank/a",
        (STAY, "dom0 uses /tank, /tank/a on its disk sda"),
    ),
    "zfs-pool-not-mounted": (
        facts(system(), sda(node("sda1", "part", fstype="zfs_member", label="tank"))),
        "ZFS pool tank",
        (CARE, "its disk sda holds the ZFS pool tank"),
    ),
    "luks-pv": (
        facts(
            system(),
            sda(
                node("sda1", "part", node("sda1_crypt", "crypt", fstype="LVM2_member"), fstype="crypto_LUKS")
            ),
            report=lvm(
                {"vmstore": (2000 * GIB, 1500 * GIB)}, [("/dev/mapper/sda1_crypt", "vmstore", 2000 * GIB)]
            ),
        ),
        "volume group vmstore (encrypted)",
        (CARE, "its disk sda holds the encrypted sda1_crypt"),
    ),
    "luks-closed": (
        facts(system(), sda(fstype="crypto_LUKS")),
        "an encrypted container that is closed, not in use",
        (CARE, "its disk sda holds the encrypted container"),
    ),
    "multipath": (
        facts(
            system(),
            sda(node("mpatha", "mpath", node("vg-data", "lvm", at=["/data"])), fstype="mpath_member"),
        ),
        "/data, something (mpath_member)",
        (STAY, "dom0 uses /data on its disk sda"),
    ),
    "drbd-with-its-own-data-elsewhere": (
        facts(system(), sda(node("sda1", "part", node("drbd0"), fstype="ext4"))),
        "something (drbd)",
        (CARE, "its disk sda holds something (drbd)"),
    ),
    "a-journal-of-another-disk": (
        facts(system(), sda(node("sda1", "part", fstype="jbd"))),
        "something (jbd)",
        (CARE, "its disk sda holds something (jbd)"),
    ),
    "a-mapping-without-a-mount": (
        facts(system(), sda(node("sda1", "part", node("plain", "crypt")))),
        "the mapping plain",
        (CARE, "its disk sda carries the mapping plain, which something may have open"),
    ),
    "a-file-system-that-sleeps": (
        facts(system(), sda(fstype="ntfs")),
        "a file system of Windows, not in use",
        (MAY, ""),
    ),
    "an-empty-disk": (facts(system(), sda()), "nothing", (MAY, "")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_data_disk(case):
    """What the second disk is a part of is said, and its controller must stay or needs care where it counts."""
    said, use, judged = CASES[case]
    machine = survey.read(said)
    assert [d.use for d in disks(machine, said) if d.name == "sda"] == [use]
    device = machine.device(DATA)
    assert device
    reasons = [r for r in survey.judge(machine, device, "") if r.kind in ("disk", "volumes")]
    assert (survey.verdict(tuple(reasons)), reasons[0].text if reasons else "") == judged


def test_vg_missing_pv():
    """A group that lacks a physical volume is offered with the warning that LVM makes nothing in it."""
    parts = [("/dev/sda", "guests", 2000 * GIB), ("[unknown]", "guests", 2000 * GIB)]
    report = lvm({"guests": (4000 * GIB, 3000 * GIB)}, parts)
    name, why = guest_group(survey.read(facts(system(), sda(fstype="LVM2_member"), report=report)))
    assert (name, "lacks a disk" in why) == ("guests", True)
    report = lvm({"guests": (4000 * GIB, 3000 * GIB)}, parts[:1])
    assert "lacks" not in guest_group(survey.read(facts(system(), sda(), report=report)))[1]


def volume(group: str, name: str, size: int, **more: Any) -> dict[str, Any]:
    """Return a logical volume as LVM's report has it."""
    columns = "lv_attr lv_layout lv_tags lv_uuid lv_dm_path lv_health_status origin pool_lv data_percent metadata_percent"
    empty = dict.fromkeys(columns.split(), "") | {"lv_kernel_major": "-1", "lv_kernel_minor": "-1"}
    return empty | {"vg_name": group, "lv_name": name, "lv_size": str(size)} | more


POOL = {"lv_layout": "thin,pool", "data_percent": "2.00"}
GROUPS = {
    "a Ceph group is full": ({"ceph-1": (GIB * 2000, 0)}, [], "guests", "; ceph-1 has 0 B free"),
    "another has room": ({"ceph-1": (GIB * 2000, 0), "data": (GIB * 100, GIB * 50)}, [], "data", "50.0 GiB of 100.0 GiB free"),
    "a thin pool holds all": (
        {"pve": (GIB * 1000, GIB // 2)},
        [volume("pve", "data", GIB * 900, **POOL), volume("pve", "vm-1", GIB * 9, pool_lv="data")],
        "pve",
        "its room is in the thin pool pve/data, with 882.0 GiB of 900.0 GiB free",
    ),
    "a thin pool that is full": (
        {"pve": (GIB * 1000, GIB // 2)},
        [volume("pve", "data", GIB * 900, **POOL | {"data_percent": "99.95"}), volume("pve", "vm-1", GIB * 9, pool_lv="data")],
        "guests",
        "the thin pool pve/data holds 900.0 GiB, 100 % of it in use: a thin pool cannot be made smaller",
    ),
    "a thin pool whose book-keeping is full": (
        {"pve": (GIB * 1000, 0)}, [volume("pve", "data", GIB * 900, **POOL | {"metadata_percent": "96.00"})], "guests", "`lvremove pve/data`",
    ),
    "a thin pool that is not active": (
        {"pve": (GIB * 1000, 0)}, [volume("pve", "data", GIB * 900, **POOL | {"data_percent": ""})], "guests", "`lvremove pve/data` gives its room back",
    ),
    "a thin pool whose name is none": (
        {"pve": (GIB * 1000, 0)}, [volume("pve", "x\nconsent: [all]", GIB * 900, **POOL)], "guests", "there is none yet with room",
    ),
    "another has room beside a pool": (
        {"pve": (GIB * 1000, 0), "data": (GIB * 9, GIB * 8)}, [volume("pve", "data", GIB * 900, **POOL)], "data", "8.0 GiB of 9.0 GiB free",
    ),
    "guests by name, though full": ({"guests": (GIB * 9, 0), "data": (GIB * 9, GIB * 8)}, [], "guests", "0 B of 9.0 GiB free: add a disk"),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPS)
def test_the_guests_group(case):
    """A group without room is not chosen for guests, and the file says what would make room."""
    groups, volumes, name, said = GROUPS[case]
    found = guest_group(survey.read(facts(system(), sda(), report=lvm(groups, (), volumes))))
    assert (found[0], said in found[1]) == (name, True), found


def test_the_hosts_own_group_serves_where_it_alone_has_room():
    """An installation with everything in one group is used as it is, and the file says that another would be better."""
    root = volume(
        "xen", "root", GIB * 20, lv_dm_path="/dev/mapper/xen-root", lv_kernel_major="254", lv_kernel_minor="0"
    )
    nodes = node("nvme0n1", "disk", node("xen-root", "lvm", minor=0, at=["/"], fstype="ext4"), size=500 * GIB)
    found = guest_group(
        survey.read(facts(nodes, sda(), report=lvm({"xen": (GIB * 400, GIB * 300)}, (), [root])))
    )
    assert (found[0], "the host's own, with 300.0 GiB" in found[1]) == ("xen", True)


def test_a_guests_disk_in_a_group_that_has_no_room():
    """Where a thin pool holds the room, or a disk is missing, the refusal names what makes room there."""
    asked = params(guests=(guest("web"),), storage={"guest_volume_group": "pve"})
    pool = volume("pve", "data", GIB * 900, **POOL)

    def refused(*report: Any) -> str:
        found = create_volumes.plan(asked, facts(system(), sda(), report=lvm(*report))).findings
        assert [f.level for f in found] == ["refuse"]
        return f"{found[0].what}; {found[0].why}; {found[0].do}"

    said = refused({"pve": (GIB * 1000, 0)}, (), [pool])
    assert "the thin pool pve/data holds 900.0 GiB" in said
    assert "say `thin_pool: data`" in said
    full = refused(
        {"pve": (GIB * 1000, 0)}, (), [volume("pve", "data", GIB * 900, **POOL | {"data_percent": "100.00"})]
    )
    assert "thin_pool" not in full
    assert "`lvremove pve/data`" in said
    parts = [("/dev/sda", "pve", GIB * 9), ("[unknown]", "pve", GIB * 9)]
    said = refused({"pve": (GIB * 18, GIB * 9)}, parts)
    assert "lacks a disk" in said
    assert "`vgreduce --removemissing pve`" in said


def test_a_thin_pool_that_holds_all_room_takes_the_guests_volumes():
    """`new` writes the group with the guest's volume in its pool; that is planned as a thin volume, and twice is once."""
    pool = volume("pve", "data", GIB * 900, **POOL)
    there = facts(system(), sda(), report=lvm({"pve": (GIB * 1000, 0)}, (), [pool]))
    machine = survey.read(there)
    assert (guest_group(machine)[0], guest_pool(machine, "pve")) == ("pve", "data")
    thin = guest("web") | {"volume": {"name": "web", "size_gib": 10, "thin_pool": "data"}}
    asked = params(guests=(thin,), storage={"guest_volume_group": "pve"})
    plan = create_volumes.plan(asked, there)
    assert plan.findings == ()
    assert plan.actions[0].argv == (
        *("lvcreate", "--yes", "--addtag", TAG, "--virtualsize", "10g", "--thinpool", "data", "--name", "web", "pve"),
    )  # fmt: skip
    made = [pool, volume("pve", "web", GIB * 10, lv_layout="thin,sparse", pool_lv="data", lv_tags=TAG)]
    then = facts(system(), sda(), report=lvm({"pve": (GIB * 1000, 0)}, (), made))
    assert (create_volumes.plan(asked, then).actions, create_volumes.check(asked, then)) == ((), [])


def test_a_pool_that_could_run_full_is_told_of_and_one_that_is_full_refused():
    """What the new volumes may come to hold is weighed against what the pool can still take."""
    thin = guest("web") | {"volume": {"name": "web", "size_gib": 100, "thin_pool": "data"}}
    asked = params(guests=(thin,), storage={"guest_volume_group": "pve"})

    def found(percent: str) -> list[str]:
        pool = volume("pve", "data", GIB * 900, **POOL | {"data_percent": percent})
        there = facts(system(), sda(), report=lvm({"pve": (GIB * 1000, 0)}, (), [pool]))
        return [f.level for f in create_volumes.plan(asked, there).findings]

    assert (found("50.00"), found("95.00"), found("99.99")) == ([], ["warn"], ["refuse"])


def test_a_volume_that_is_no_pool_is_none():
    """The name of an ordinary volume where a pool is asked for is refused."""
    thin = guest("web") | {"volume": {"name": "web", "size_gib": 1, "thin_pool": "data"}}
    asked = params(guests=(thin,), storage={"guest_volume_group": "pve"})
    there = facts(system(), sda(), report=lvm({"pve": (GIB * 99, 0)}, (), [volume("pve", "data", GIB)]))
    assert [f.what for f in create_volumes.plan(asked, there).findings] == ["There is no thin pool pve/data"]
