"""Used blocks of xfs, btrfs, exFAT and of what lies in LVM, on real images: kept, scrambled, restored, compared."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.backups import sidecar
from tests.backups.host import HERE, MIB, Host, ext4, kept_in

IMAGES = Path(__file__).parent / "images"
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
pytestmark = pytest.mark.skipif(
    any(shutil.which(p, path=PATH) is None for p in ("zstd", "partclone.xfs")),
    reason="zstd and partclone are needed to try backups for real",
)
CLEAN = "    log tail: 2 head: 2 state: <CLEAN>"
DIRTY = "    log tail: 2 head: 12 state: <DIRTY>"
"""What xfs_logprint -t of xfsprogs 6.1 says of a log (seen on images)."""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host whose xfs_logprint says that the log is clean, as the real one does of the image."""
    host = Host(tmp_path)
    host.fake("xfs_logprint", f"echo '{CLEAN}'")
    return host


def unpack(name: str, to: Path) -> None:
    """Write an image."""
    subprocess.run(["zstd", "-q", "-d", "-f", "--sparse", IMAGES / f"{name}.zst", "-o", to], check=True)


def used_of(fstype: str, image: Path) -> list[tuple[int, int]]:
    """Return what partclone calls used in an image, position and length."""
    out = image.with_suffix(".map")
    out.unlink(missing_ok=True)
    argv = [f"partclone.{fstype}", "-D", "-f", "0", "-s", image, "-o", out, "-L", image.with_suffix(".log")]
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "PATH": PATH})
    rows = [line.split() for line in out.read_text().splitlines()]
    return [(int(r[0], 16), int(r[1], 16)) for r in rows if len(r) == 3 and r[2] == "+"]


def scrambled(size: int) -> bytes:
    """Return as many bytes as a volume has, none of them nothing."""
    return (b"\xa5" + os.urandom(4095)) * (size // 4096)


def part_of(backup: Path) -> sidecar.Part:
    """Return what the sidecar says of the only part."""
    said = sidecar.parse((backup / "backup.json").read_text())
    assert said is not None
    (part,) = said.parts
    return part


@pytest.mark.parametrize(("fstype", "most_mib"), [("xfs", 24), ("btrfs", 4), ("exfat", 4)])
def test_used_blocks_bring_it_back(host: Host, fstype: str, most_mib: int) -> None:
    """Every byte that the file system uses comes back, its deleted file is not kept, and its own check is content."""
    unpack(f"{fstype}.img", host.volume)
    before = host.volume.read_bytes()
    used = used_of(fstype, host.volume)
    status, said = host.make()
    assert status == 0, said
    assert "kept whole" not in said
    assert (part_of(host.backups[0]).type, part_of(host.backups[0]).kept) == (fstype, "used-blocks")
    kept = sidecar.parse((host.backups[0] / "backup.json").read_text())
    assert kept.kept_bytes == sum(length for _, length in used) < most_mib * MIB
    host.volume.write_bytes(scrambled(len(before)))
    status, said = host.restore(host.backups[0])
    assert status == 0, said
    after = host.volume.read_bytes()
    assert all(after[at : at + length] == before[at : at + length] for at, length in used)
    assert used_of(fstype, host.volume) == used
    check = {"xfs": "xfs_repair", "btrfs": "btrfs", "exfat": "fsck.exfat"}[fstype]
    words = {"xfs": ["-n"], "btrfs": ["check", "--check-data-csum"], "exfat": ["-n"]}[fstype]
    if program := shutil.which(check, path=PATH):
        subprocess.run([program, *words, host.volume], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("script", "why"),
    [(f"echo '{DIRTY}'", "its log was not played back"), ("exit 1", "its log was not played back")],
)
def test_an_xfs_that_was_cut_off_is_kept_whole(host: Host, script: str, why: str) -> None:
    """partclone maps it all the same, and what its log has yet to write may lie in what is called free."""
    unpack("xfs.img", host.volume)
    host.fake("xfs_logprint", script)
    _, said = host.make()
    assert f"the volume is kept whole: {why}" in said


def test_without_xfsprogs_it_is_said_what_is_missing(host: Host) -> None:
    """Where nobody can tell whether the log was played back, every byte is kept, and the package is named."""
    if shutil.which("xfs_logprint", path=PATH):
        pytest.skip("xfsprogs is installed here")
    unpack("xfs.img", host.volume)
    (host.root / "bin/xfs_logprint").unlink()
    _, said = host.make()
    assert "is not installed (package xfsprogs)" in said


def test_a_btrfs_with_a_log_tree_is_kept_whole(host: Host) -> None:
    """What was written since the last commit is in no extent tree yet."""
    unpack("btrfs_log.img", host.volume)
    _, said = host.make()
    assert "the volume is kept whole: its log tree was not played back" in said


def test_a_btrfs_on_two_disks_is_kept_whole(host: Host) -> None:
    """The map of one disk of several is not the map of the file system (num_devices of the superblock)."""
    unpack("btrfs.img", host.volume)
    with host.volume.open("r+b") as image:
        image.seek(65536 + 136)
        image.write((2).to_bytes(8, "little"))
    _, said = host.make()
    assert "the volume is kept whole: it lies on more than one disk" in said


def test_an_exfat_that_is_in_use_is_kept_whole(host: Host) -> None:
    """The bit that a driver sets while it writes is believed."""
    unpack("exfat.img", host.volume)
    with host.volume.open("r+b") as image:
        image.seek(106)
        image.write(b"\x02")
    _, said = host.make()
    assert "the volume is kept whole: it is marked as not cleanly unmounted" in said


def lvm(name: str, image: Path) -> tuple[int, list[str]]:
    """Return status and lines of the program that reads a physical volume of 200 MiB."""
    unpack(name, image)
    os.truncate(image, 200 * MIB)
    argv = ["perl", HERE / "blocks.pl", "lvm", image, "0", str(200 * MIB)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


class TestLvm:
    """What lies in a volume group of the guest's own."""

    def test_free_extents_and_volumes_in_one_piece(self, tmp_path: Path) -> None:
        """What lvs and pvs said of the same group: 40 extents, 16 free, 30, 40, and 73 free."""
        assert lvm("lvm-plain", tmp_path / "pv") == (0, [
            f"0x{41 * MIB:X} 0x{16 * MIB:X} ?", f"0x{127 * MIB:X} 0x{73 * MIB:X} ?",
            f"lv home-x {57 * MIB} {30 * MIB}", f"lv root {MIB} {40 * MIB}", f"lv var {87 * MIB} {40 * MIB}",
        ])  # fmt: skip

    def test_a_volume_in_two_pieces_is_no_window(self, tmp_path: Path) -> None:
        """Its file system cannot be read in one piece from here; its extents are kept."""
        status, lines = lvm("lvm-grown", tmp_path / "pv")
        assert status == 0
        assert [line.split()[1] for line in lines if line.startswith("lv ")] == ["swap"]
        assert lines[0] == f"0x{56 * MIB:X} 0x{144 * MIB:X} ?"

    def test_a_volume_that_has_a_snapshot_is_no_window(self, tmp_path: Path) -> None:
        """What is free in it now may be what its snapshot still shows."""
        status, lines = lvm("lvm-snapshot", tmp_path / "pv")
        assert status == 0
        assert [line.split()[1] for line in lines if line.startswith("lv ")] == ["other"]

    def test_a_group_on_two_disks_is_kept_whole(self, tmp_path: Path) -> None:
        """The other disk is not in this volume."""
        assert lvm("lvm-two", tmp_path / "pv") == (1, ["blocks: its volume group lies on more than one disk"])

    def test_a_description_that_was_altered_is_not_believed(self, tmp_path: Path) -> None:
        """Its checksum is that of lvm2; one letter more or less and nothing is concluded."""
        image = tmp_path / "pv"
        lvm("lvm-plain", image)
        text = image.read_bytes()[: 2 * MIB].replace(b"extent_count = 40", b"extent_count = 39")
        image.write_bytes(text + bytes(198 * MIB))
        argv = ["perl", HERE / "blocks.pl", "lvm", image, "0", str(200 * MIB)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no whole description of its volume group" in done.stderr

    def test_a_group_comes_back(self, host: Host) -> None:
        """Of a volume with LVM in it: an ext4 by its used blocks, a volume of noise whole, the free room not at all."""
        unpack("lvm-plain", host.volume)
        os.truncate(host.volume, 200 * MIB)
        content = ext4(host.root / "root", 40)
        noise = os.urandom(30 * MIB)
        with host.volume.open("r+b") as disk:
            for at, data in ((MIB, (host.root / "root").read_bytes()), (57 * MIB, noise), (150 * MIB, noise)):
                disk.seek(at)
                disk.write(data)
        head = host.volume.read_bytes()[:MIB]
        status, said = host.make()
        assert status == 0, said
        assert (
            "partition 0: the volume home-x of the group in it is kept whole: no file system that is known"
            in said
        )
        kept = sidecar.parse((host.backups[0] / "backup.json").read_text())
        assert (part_of(host.backups[0]).type, part_of(host.backups[0]).kept) == (
            "LVM2_member",
            "used-blocks",
        )
        assert 72 * MIB < kept.kept_bytes < 86 * MIB  # of 200
        host.volume.write_bytes(scrambled(200 * MIB))
        status, said = host.restore(host.backups[0])
        assert status == 0, said
        after = host.volume.read_bytes()
        assert after[:MIB] == head
        assert after[57 * MIB : 87 * MIB] == noise
        (host.root / "root").write_bytes(after[MIB : 41 * MIB])
        assert kept_in(host.root / "root") == content
