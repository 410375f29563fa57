"""Facts about disks, from what the tools said on a machine with Debian's layout half installed."""

from __future__ import annotations

import json
from pathlib import Path

from runbook.facts import disks
from runbook.facts.disks import Disks, Entry, Group, PhysicalVolume, Volume
from runbook.model.ask import Answer, Facts

SAMPLES = Path(__file__).parent / "disks"


def sample(name: str, **changes: Answer) -> Facts:
    """Return a real machine's answers, some of them exchanged by the name of their program."""
    said = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    answers = {ask: Answer(*said[ask.key]) for ask in disks.commands()}
    return Facts({ask: changes.get(ask.argv[0], answer) for ask, answer in answers.items()})


def formatted() -> Disks:
    return disks.parse(sample("formatted"))


def test_disk_is_described() -> None:
    """A disk has its size and serial number, and stands on nothing."""
    disk = formatted().device("/dev/vda")
    assert disk
    assert (disk.kind, disk.size_bytes, disk.serial, disk.model) == (
        "disk",
        107374182400,
        "testbed-disk0",
        "",
    )
    assert (disk.table, disk.under, disk.is_read_only) == ("gpt", (), False)
    assert [d.path for d in formatted().disks] == ["/dev/vda", "/dev/vdb"]


def test_what_stands_on_a_disk() -> None:
    """Partitions and active volumes are listed once each, with all that they stand on."""
    now = formatted()
    assert [d.name for d in now.on("/dev/vda")] == [
        "vda1", "vda2", "vda3", "vda4", "xen-root", "xen-home", "xen-swap", "xen-varlog", "xen-tmp"
    ]  # fmt: skip
    root = now.device("/dev/mapper/xen-root")
    assert root
    assert (root.kind, root.fstype, root.under) == ("lvm", "ext4", ("/dev/vda", "/dev/vda4"))
    assert root.mountpoints == ("/mnt/target",)
    assert now.disks_below("/dev/mapper/xen-root") == ("/dev/vda",)
    assert now.disks_below("/dev/vdb") == ("/dev/vdb",)
    assert now.disks_below("/dev/sdx1") == ()


def test_tables_of_all_disks() -> None:
    """Each disk's table is read from documents that stand one behind the other, in bytes."""
    now = formatted()
    assert [(t.disk, t.label, len(t.entries)) for t in now.tables] == [
        ("/dev/vda", "gpt", 4),
        ("/dev/vdb", "gpt", 3),
    ]
    table = now.table("/dev/vda")
    assert table
    assert table.entries[0] == Entry(
        "/dev/vda1", 2**20, 768 * 2**20, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "esp"
    )
    assert now.table("/dev/sdx") is None


def test_lvm_is_read_from_its_reports() -> None:
    """Groups, their physical volumes and volumes have sizes in bytes and the paths that mounts name."""
    now = formatted()
    assert now.group("xen") == Group("xen", 64420315136, 12880707584)
    assert PhysicalVolume("/dev/vda3", "guests", 41066430464) in now.physical_volumes
    assert now.partitions_of("xen") == ("/dev/vda4",)
    assert now.volume("xen", "varlog") == Volume("xen", "varlog", 4294967296, "/dev/mapper/xen-varlog")
    assert (now.group("other"), now.volume("xen", "other")) == (None, None)


def test_mounts_of_every_kind_are_there() -> None:
    """The root is found whatever it is, and a mount has its options."""
    now = formatted()
    root, boot = now.mount("/"), now.mount("/mnt/target/boot")
    assert root
    assert (root.source, root.fstype) == ("/dev/vdb3", "ext4")
    assert boot
    assert "noatime" in boot.options
    assert now.mount("/mnt/nowhere") is None


def test_later_mount_hides_the_earlier() -> None:
    """Of two mounts at one place the last is the one that is seen."""
    rows = [{"target": "/", "source": source, "fstype": "x", "options": "rw"} for source in ("first", "last")]
    now = disks.parse(sample("formatted", findmnt=Answer(0, json.dumps({"filesystems": rows}))))
    root = now.mount("/")
    assert root
    assert root.source == "last"


def test_without_lvm_there_are_no_groups() -> None:
    """On a system without LVM's tools, or without any table, the lists are empty and nothing fails."""
    missing = Answer(127, "", "not found")
    now = disks.parse(sample("formatted", pvs=missing, vgs=missing, lvs=missing, sh=Answer(0)))
    assert (now.groups, now.volumes, now.physical_volumes, now.tables) == ((), (), (), ())
    assert len(now.disks) == 2
