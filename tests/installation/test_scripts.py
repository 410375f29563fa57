"""The scripts inside the installer, run by a real shell against a disk that is a file."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from runbook.installation import scripts
from runbook.installation.layout import layout
from tests.installation.hosts import host

STICK = "runbook-installer"


@dataclass(frozen=True)
class Pc:
    """A folder that stands for the machine, and programs that write down how they were called."""

    root: Path

    def run(self, script: str) -> str:
        """Run a script; return what it said on the console, and the calls it made."""
        for place in ("/sys/block", "/dev/disk", "/dev/console", "/dev/tty1", "/target", "/runbook/"):
            script = script.replace(place, f"{self.root}{place}")
        script = script.replace("[ -b ", "[ -e ")  # a file stands for the disk
        env = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "LOG": str(self.root / "calls")}
        done = subprocess.run(
            ["sh"], input=script, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stderr == ""
        return (self.root / "dev/console").read_text()

    @property
    def calls(self) -> list[str]:
        log = self.root / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def asked(self, name: str):
        return replace(layout(host()), disk=str(self.root / "dev" / name))


@pytest.fixture
def pc(tmp_path):
    for folder in (
        "bin",
        "dev/disk/by-partlabel",
        "sys/block/sda",
        "sys/block/nvme0n1",
        "target/root",
        "runbook",
    ):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("console", "tty1"):
        (tmp_path / "dev" / name).touch()
    for part in ("sda4", "nvme0n1p4"):
        (tmp_path / "dev" / part).touch()
    for disk in ("sda", "nvme0n1"):
        (tmp_path / "dev" / disk).write_bytes(bytes(2 << 20))
        (tmp_path / "sys/block" / disk / "size").write_text(f"{70000 * 2048}\n")
    for program in ("logger", "debconf-set", "in-target"):
        _program(tmp_path, program, f'echo "{program} $*" >>"$LOG"')
    _program(tmp_path, "sleep", "kill $PPID")  # who waits for a person has stopped for good
    (tmp_path / "runbook/authorized_keys").write_text("ssh-ed25519 AAAA me\n")
    return Pc(tmp_path)


def _program(root: Path, name: str, text: str) -> None:
    (root / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (root / "bin" / name).chmod(0o755)


def before(pc: Pc, name: str = "sda", overwrite: bool = False) -> str:
    return pc.run(scripts.before_partitioning(pc.asked(name), 65000, overwrite, STICK))


@pytest.mark.parametrize("name", ["sda", "nvme0n1"])
def test_an_empty_disk_is_taken(pc, name):
    """The right disk: the partitioner is told its real name, and nothing is said to have stopped."""
    said = before(pc, name)
    assert f"debconf-set partman-auto/disk {pc.root}/dev/{name}" in pc.calls
    assert "STOPPED" not in said
    assert "installing on" in said


def test_a_link_of_udev_is_followed(pc):
    """The partitioner knows kernel names only."""
    (pc.root / "dev/by-id").mkdir()
    (pc.root / "dev/by-id/ata-X").symlink_to("../sda")
    before(pc, "by-id/ata-X")
    assert f"debconf-set partman-auto/disk {pc.root}/dev/sda" in pc.calls


def refused(pc: Pc, said: str) -> str:
    assert not any(call.startswith("debconf-set") for call in pc.calls)
    assert "Nothing was changed" in said
    return next(line for line in said.splitlines() if "STOPPED" in line)


def test_a_disk_that_is_not_there_stops_it(pc):
    """A wrong name: never another disk instead."""
    assert "there is no disk" in refused(pc, before(pc, "sdz"))


def test_a_disk_that_is_too_small_stops_it(pc):
    """The partitioner would silently take another layout."""
    (pc.root / "sys/block/sda/size").write_text(f"{64999 * 2048}\n")
    assert "64999 MiB, the layout needs 65000" in refused(pc, before(pc))


@pytest.mark.parametrize(("name", "part"), [("sda", "sda1"), ("nvme0n1", "nvme0n1p1")])
def test_a_disk_with_a_partition_stops_it(pc, name, part):
    """A disk that is not empty is somebody's data."""
    (pc.root / "sys/block" / name / part).mkdir()
    assert f"not empty, it has {part}" in refused(pc, before(pc, name))


def test_a_disk_with_something_at_its_start_stops_it(pc):
    """LVM, a file system or a RAID can fill a disk without any partition."""
    with (pc.root / "dev/sda").open("r+b") as disk:
        disk.seek(536)
        disk.write(b"LABELONE")
    assert "something is written at its start" in refused(pc, before(pc))


def test_overwrite_takes_a_full_disk(pc):
    """Who says so in the parameters gets what was asked for."""
    (pc.root / "sys/block/sda/sda1").mkdir()
    before(pc, overwrite=True)
    assert any(call.startswith("debconf-set") for call in pc.calls)


def test_the_stick_itself_is_never_taken(pc):
    """A stick may be /dev/sda; overwriting is allowed here, and it is still refused."""
    (pc.root / "dev/sda1").touch()
    (pc.root / f"dev/disk/by-partlabel/{STICK}").symlink_to("../../sda1")
    assert "is the stick" in refused(pc, before(pc, overwrite=True))


def test_the_sticks_name_is_answered_with_the_others_lasting_names(pc):
    """Who wrote /dev/sda and meant the disk is told its name that does not go by the order."""
    for name in ("sda1", "sdb", "sdb1"):
        (pc.root / "dev" / name).touch()
    (pc.root / f"dev/disk/by-partlabel/{STICK}").symlink_to("../../sda1")
    (pc.root / "dev/disk/by-id").mkdir()
    for link, name in (
        ("usb-Stick", "sda"),
        ("ata-Disk", "sdb"),
        ("ata-Disk-part1", "sdb1"),
        ("wwn-1", "sdb"),
    ):
        (pc.root / "dev/disk/by-id" / link).symlink_to(f"../../{name}")
    said = before(pc)
    assert f"name a disk in installation.disk as one of {pc.root}/dev/disk/by-id/ata-Disk." in said


@pytest.mark.parametrize(("name", "part"), [("sda", "sda3"), ("nvme0n1", "nvme0n1p3")])
def test_the_guests_group_is_made_on_the_kept_partition(pc, name, part):
    """The last script makes the second volume group, by the name the partition has on this kind of disk."""
    said = pc.run(scripts.late(pc.asked(name)))
    assert f"in-target pvcreate -ff -y {pc.root}/dev/{part}" in pc.calls
    assert f"in-target vgcreate guests {pc.root}/dev/{part}" in pc.calls
    assert said.splitlines()[-1] == "runbook: the installation is complete"


def test_roots_keys_are_for_root_alone(pc):
    """sshd ignores keys that others could have written."""
    pc.run(scripts.late(pc.asked("sda")))
    keys = pc.root / "target/root/.ssh/authorized_keys"
    assert keys.read_text() == "ssh-ed25519 AAAA me\n"
    assert (keys.stat().st_mode & 0o777, keys.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_failed_group_is_not_called_complete(pc):
    """The installer shows a script that failed; the last line is only said when all was done."""
    _program(pc.root, "in-target", 'case "$1" in vgcreate) exit 5 ;; esac')
    assert "complete" not in pc.run(scripts.late(pc.asked("sda")))


def test_another_layout_is_left_alone(pc):
    """When the partitioner took a recipe of its own, the third partition is the system's, not the guests'."""
    (pc.root / "dev/sda4").unlink()
    said = pc.run(scripts.late(pc.asked("sda")))
    assert said.splitlines()[-1].startswith(f"runbook: STOPPED: {pc.root}/dev/sda has no partition 4")
    assert pc.calls == ["logger -t runbook " + said.splitlines()[-1].removeprefix("runbook: ")]


def test_modules_are_indexed_only_when_some_came_along():
    """On a mirror that has everything nothing is done."""
    assert "depmod -a" in scripts.early(True)
    assert "depmod" not in scripts.early(False)


def test_what_apt_is_told_about_the_mirror_is_handed_on(pc):
    """The new system's apt uses the same mirror before anything else can tell it."""
    pc.run(scripts.apt_options((("Acquire::Check-Date", "false"),)))
    conf = pc.root / "target/etc/apt/apt.conf.d/90mirror"
    assert conf.read_text() == 'Acquire::Check-Date "false";\n'
