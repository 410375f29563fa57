"""The program that puts a system on a guest's volume, tried on a real loop device with a very small image."""

import fcntl
import gzip
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from runbook.facts import systems
from runbook.guests import system
from runbook.model.ask import Answer, Facts
from tests.facts.test_discs import iso

MIB = 1 << 20
ADD, REMOVE = 0x4C80, 0x4C81
"""Of /dev/loop-control (linux/loop.h)."""
LVS = """#!/bin/sh
case $* in *lv_time*) echo "  ${LV_TIME:-1}|" ;; *) echo " $LV_UUID|$LV_OPEN" ;; esac
"""
UDEVADM = """#!/bin/sh
[ -z "$USEC" ] || echo "USEC_INITIALIZED=$USEC"
"""


def _has_loops() -> bool:
    return (
        os.geteuid() == 0
        and Path("/dev/loop-control").exists()
        and all(map(shutil.which, ("losetup", "mkfs.ext4", "sfdisk", "ssh-keygen", "unshare")))
    )


pytestmark = pytest.mark.skipif(not _has_loops(), reason="needs root and loop devices")


class Host:
    """A folder that is a host: one volume of 64 MiB behind a loop device, an image, the guest's files, an lvs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.systems, self.image = folder, folder / "systems", folder / "image"
        self.disk = folder / "disk"
        with self.disk.open("wb") as file:
            file.truncate(64 * MIB)
        self.image.mkdir()
        (self.image / "boot.img").write_bytes(b"B" * 512)
        (self.image / "core.img").write_bytes(b"C" * 4096)
        (self.image / "esp.img").write_bytes(b"E" * 8192)
        (self.image / "system.tar.gz").write_bytes(packed())
        files = self.systems / "web/files"
        for name, text in (("etc/hostname", "web\n"), ("root/.ssh/authorized_keys", "ssh-ed25519 A\n")):
            (files / name).parent.mkdir(parents=True)
            (files / name).write_text(text)
        (folder / "bin").mkdir()
        for name, text in (("lvs", LVS), ("udevadm", UDEVADM)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        self.program = folder / "install-system"
        self.program.write_text(system.program())
        self.program.chmod(0o755)
        made = subprocess.run(
            ["losetup", "--find", "--show", self.disk], capture_output=True, text=True, check=True
        )
        self.volume = made.stdout.strip()

    def install(self, **values: str) -> subprocess.CompletedProcess[str]:
        """Run the program; LV_UUID and LV_OPEN are what lvs answers."""
        said = {"LV_UUID": "3xTf0Q-a", "LV_OPEN": "", **values}
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        argv = [self.program, "web", self.volume, "3xTf0Q-a", "1c7a0b2d", UUID, self.image]
        env = {**os.environ, **said, "PATH": path, "SYSTEMS": str(self.systems)}
        return subprocess.run(argv, capture_output=True, text=True, env=env, check=False)

    def put(self, at: int, data: bytes) -> None:
        """Write to the volume, as somebody does who has it open."""
        with Path(self.volume).open("r+b", buffering=0) as file:
            file.seek(at)
            file.write(data)
            os.fsync(file.fileno())

    def head(self, **values: str) -> systems.Head:
        """Return what the volume holds, asked by the question of the step; LV_TIME is when LVM made it."""
        ask = systems.heads((self.volume,))
        env = {**os.environ, **values, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        done = subprocess.run(ask.argv, capture_output=True, text=True, env=env, check=False)
        return systems.seen(Facts({ask: Answer(done.returncode, done.stdout)}), (self.volume,))[self.volume]


UUID = "5f3c1f52-8a3b-5a8e-9d5c-0b5d8a8a8a8a"


def packed(*, cut: bool = False) -> bytes:
    """Return a very small Debian, packed."""
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w") as tar:
        for name in ("etc", "etc/ssh", "root", "boot"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name in ("vmlinuz", "initrd.img"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"boot/{name}"
            tar.addfile(entry)
        entry = tarfile.TarInfo("boot/vmlinuz")
        entry.size = MIB
        tar.addfile(entry, io.BytesIO(os.urandom(MIB)))
    whole = gzip.compress(text.getvalue(), 1)
    return whole[: len(whole) // 2] if cut else whole


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path)
    yield made
    subprocess.run(["losetup", "-d", made.volume], check=True)


def read(volume: str, *paths: str) -> list[str]:
    """Return files of the second partition, as debugfs(8) reads them without mounting."""
    size = 64 * MIB - 34816 * 512
    data = Path(volume).read_bytes()[34816 * 512 :]
    assert len(data) == size
    part = Path(volume.replace("/dev/", "/tmp/part-"))
    part.write_bytes(data)
    try:
        return [
            subprocess.run(
                ["debugfs", "-R", f"cat {path}", part], capture_output=True, text=True, check=True
            ).stdout
            for path in paths
        ]
    finally:
        part.unlink()


def test_an_empty_volume_gets_table_loaders_and_system(host):
    """Afterwards the volume has its table and loaders, Debian with the guest's own files, and a host key that was noted."""
    assert host.head().is_empty
    done = host.install()
    assert done.returncode == 0, done.stderr
    assert host.head() == systems.Head(False, "a dos partition table", "1c7a0b2d")
    start = Path(host.volume).read_bytes()[: 2 * MIB]
    assert start[:440] == b"B" * 440
    assert start[510:512] == b"\x55\xaa"
    assert start[512:4608] == b"C" * 4096
    assert start[MIB : MIB + 8192] == b"E" * 8192
    name, key, user = read(
        host.volume, "/etc/hostname", "/etc/ssh/ssh_host_ed25519_key.pub", "/root/.ssh/authorized_keys"
    )
    assert (name, user) == ("web\n", "ssh-ed25519 A\n")
    noted = (host.systems / "web/host_key.pub").read_text()
    assert noted.startswith("ssh-ed25519 AAAA")
    assert key == noted.strip() + " root@web\n"
    assert (host.systems / "web/installed").read_text() == "3xTf0Q-a\n"
    assert not (host.systems / "web/writing").exists()
    assert (
        subprocess.run(
            ["losetup", "-l", "-n", "-O", "BACK-FILE"], capture_output=True, text=True
        ).stdout.count(host.volume)
        == 0
    )


@pytest.mark.parametrize("content", ["ext4", "disc", "noise", "system"])
def test_a_volume_that_holds_anything_is_refused_and_stays_as_it_is(host, content):
    """A file system, what begins far behind, bytes that nobody knows, the program's own work: not one byte is changed."""
    if content == "ext4":
        subprocess.run(["mkfs.ext4", "-q", host.volume], check=True)
    elif content == "disc":  # its first 32 KiB are empty
        with Path(host.volume).open("r+b") as file:
            file.write(iso(400))
    elif content == "noise":
        with Path(host.volume).open("r+b") as file:
            file.write(b"\x17")
    else:
        assert host.install().returncode == 0
    before = Path(host.volume).read_bytes()
    done = host.install()
    assert (done.returncode, done.stderr) == (
        3,
        f"install-system: refused: {host.volume} holds something: nothing is written over it\n",
    )
    assert Path(host.volume).read_bytes() == before
    assert not host.head().is_empty


@pytest.mark.parametrize(
    ("at", "length"),
    [
        (4096, 1),  # behind what LVM clears: the label of ZFS, the superblock of RAID 1.2
        (512 * 1024, 1),
        (MIB, 1),
        (MIB + 64 * 1024, 1),  # btrfs in a first partition
        (
            17 * MIB + 1024,
            1,
        ),  # a copy of ext4's superblock, 1 KiB blocks in a partition at 1 MiB … and our own root
        (64 * MIB - 512, 1),  # the second GPT
        (64 * MIB - 65536, 1),  # RAID 0.90
        (30 * MIB + 12345, 512 * 1024),  # anything longer than the distance of two places
    ],
)
def test_a_wiped_head_does_not_make_a_volume_empty(host, at, length):
    """The first 4 KiB are empty and blkid knows nothing, but data stands further in: it is seen, and stays."""
    host.put(at, b"\x17" * length)
    head = host.head()
    assert (head.is_empty, head.what, head.half) == (False, "", "")
    assert head.at is not None
    assert at <= head.at < at + length
    before = Path(host.volume).read_bytes()
    done = host.install()
    assert (done.returncode, done.stderr) == (3, REFUSED.format(host.volume))
    assert Path(host.volume).read_bytes() == before


REFUSED = "install-system: refused: {} holds something: nothing is written over it\n"


class TestNew:
    """What stands in a volume that nobody has written to since LVM made it is of an older one in its place."""

    @pytest.fixture
    def old(self, host):
        """Put the disk, with data behind its first MiB, behind a loop device of which nothing was counted yet."""
        with host.disk.open("r+b") as file:
            file.seek(30 * MIB)
            file.write(b"\x17" * MIB)
        usual, number = host.volume, 700 + os.getpid() % 300
        fresh = Path(f"/dev/loop{number}")
        with Path("/dev/loop-control").open() as control:
            fcntl.ioctl(control, ADD, number)
            if not fresh.exists():
                os.mknod(fresh, 0o600 | stat.S_IFBLK, os.makedev(7, number))
            subprocess.run(["losetup", fresh, host.disk], check=True)
            host.volume = str(fresh)
            yield host
            host.volume = usual
            subprocess.run(["losetup", "-d", fresh], check=True)
            fcntl.ioctl(control, REMOVE, number)
            fresh.unlink(missing_ok=True)

    def made(self, ago_s=0, there_s=0):
        """Return when LVM made the volume, and since when udev knows the device: both in seconds before now."""
        booted = int(re.search(r"(?m)^btime (\d+)", Path("/proc/stat").read_text())[1])
        now = int(time.time())
        return {"LV_TIME": str(now - ago_s), "USEC": str((now - there_s - booted) * 1_000_000)}

    def test_leftovers_of_an_older_volume_do_not_hinder(self, old):
        """LVM has cleared 4 KiB, nobody has written more: it is empty, and gets its system."""
        old.put(0, bytes(4096))
        assert old.head(**self.made()).is_empty
        done = old.install(**self.made())
        assert done.returncode == 0, done.stderr
        assert "what stands at byte" in done.stdout
        assert old.head(**self.made()).disk_id == "1c7a0b2d"

    def test_a_volume_that_was_there_before_the_host_started_is_not_new(self, old):
        """The kernel counts from the start on: what was written before that nobody knows."""
        old.put(0, bytes(4096))
        assert not old.head(LV_TIME="1").is_empty
        assert old.install(LV_TIME="1").returncode == 3

    def test_a_volume_that_was_taken_away_and_back_is_not_new(self, old):
        """`lvchange -an` makes the kernel forget; then not even LVM's own clearing was counted."""
        assert not old.head(**self.made()).is_empty

    def test_a_volume_that_was_taken_away_and_written_a_little_since_is_not_new(self, old):
        """The counts begin anew with the device, and are as small as LVM's then; that udev met it later tells."""
        old.put(0, bytes(4096))
        again = self.made(ago_s=600)
        assert not old.head(**again).is_empty
        assert old.install(**again).returncode == 3
        assert old.head(**self.made(ago_s=600, there_s=598)).is_empty
        assert not old.head(LV_TIME=self.made()["LV_TIME"], USEC="").is_empty

    def test_a_volume_that_somebody_wrote_to_is_not_new(self, old):
        """Two MiB are more than LVM clears."""
        old.put(40 * MIB, b"\x18" * 2 * MIB)
        assert not old.head(**self.made()).is_empty
        assert old.install(**self.made()).returncode == 3

    def test_what_stands_in_the_first_4_kib_is_never_left_over(self, old):
        """LVM clears those."""
        old.put(100, b"\x18")
        assert not old.head(**self.made()).is_empty


def cut_off(host) -> bytes:
    """Let the program fail half way, for want of room, and return the image as it was."""
    whole = (host.image / "system.tar.gz").read_bytes()
    bare = io.BytesIO()
    with tarfile.open(fileobj=bare, mode="w") as tar:
        entry = tarfile.TarInfo("large")
        entry.size = 100 * MIB
        tar.addfile(entry, io.BytesIO(bytes(100 * MIB)))
    (host.image / "system.tar.gz").write_bytes(gzip.compress(bare.getvalue(), 1))
    done = host.install()
    assert done.returncode == 1
    assert "Debian was not unpacked whole" in done.stderr
    (host.image / "system.tar.gz").write_bytes(whole)
    return whole


@pytest.mark.parametrize("use", ["ext4", "table", "btrfs", "raw", "data", "lvm"])
def test_what_somebody_put_on_a_half_written_volume_stays(host, use):
    """A run was cut off, and its owner took the volume for something else: the note is there, and not a byte is changed."""
    cut_off(host)
    if use == "ext4":
        subprocess.run(["mkfs.ext4", "-q", "-F", host.volume], check=True)
    elif use == "btrfs":
        host.put(64 * 1024 + 64, b"_BHRfS_M")
    elif use == "table":
        subprocess.run(["sfdisk", "-q", host.volume], input="label: gpt\nsize=10MiB\n", text=True, check=True)
    elif use == "raw":
        host.put(0, os.urandom(2 * MIB))
    elif use == "data":  # even where it leaves the mark alone
        host.put(300_000, b"x")
    else:
        host.put(512, b"LABELONE" + bytes(504))
    assert (host.systems / "web/writing").read_text() == "3xTf0Q-a\n"
    assert not host.head().half
    before = Path(host.volume).read_bytes()
    done = host.install()
    assert (done.returncode, done.stderr) == (3, REFUSED.format(host.volume))
    assert Path(host.volume).read_bytes() == before


def test_a_mark_without_the_hosts_note_is_not_ours_to_overwrite(host):
    """A volume that another host left half written is not this one's."""
    cut_off(host)
    (host.systems / "web/writing").unlink()
    assert host.head().half == "3xTf0Q-a"
    assert host.install().returncode == 3


def test_another_volume_of_the_name_and_one_in_use_are_refused(host):
    """The plan was made for one volume; a new one of the same name is not it."""
    assert "is another volume than the plan was made for" in host.install(LV_UUID="other").stderr
    assert f"{host.volume} is in use" in host.install(LV_OPEN="open").stderr
    assert host.head().is_empty


def test_a_run_that_is_refused_leaves_what_another_one_is_at_alone(host):
    """The first MiB that the other one is making lies in the same folder; without its lock it is nobody else's to remove."""
    half = host.systems / "web/.head"
    half.write_bytes(b"\0" * 4096)
    with (host.systems / "web/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = host.install()
        assert (done.returncode, half.exists()) == (3, True)
        assert "another run puts a system on the disk of web" in done.stderr
        (host.image / "esp.img").unlink()
        assert (host.install().returncode, half.exists()) == (1, True)
    assert host.head().is_empty


def test_a_damaged_image_is_found_before_anything_is_written(host):
    """A copy that was cut off leaves the volume empty."""
    (host.image / "system.tar.gz").write_bytes(packed(cut=True))
    done = host.install()
    assert (done.returncode, host.head().is_empty) == (1, True)
    assert done.stderr.strip().endswith("is damaged; nothing was written")


def test_what_was_cut_off_is_begun_anew(host):
    """No room, half way: the note stays, nothing is mounted, and the next run makes it whole."""
    cut_off(host)
    assert host.head() == systems.Head(False, "", half="3xTf0Q-a")
    assert (host.systems / "web/writing").read_text() == "3xTf0Q-a\n"
    assert not (host.systems / "web/installed").exists()
    again = host.install()
    assert again.returncode == 0, again.stderr
    assert "was half written when an earlier run was cut off" in again.stdout
    assert host.head().disk_id == "1c7a0b2d"


DISCS = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
tar -cf "$2" -C "$3" .
"""


def test_a_cloud_image_is_copied_and_told_who_it_is_by_a_disc(host):
    """The disk is the image's to the byte; the seed has the guest's files and the host key, and only root reads it."""
    disk = b"\0" * 510 + b"\x55\xaa" + os.urandom(MIB)
    for file in host.image.iterdir():
        file.unlink()
    (host.image / "disk.raw.gz").write_bytes(gzip.compress(disk, 1))
    (host.image / "disk.bytes").write_text(f"{len(disk)}\n")
    files = host.systems / "web/files"
    for name in ("meta-data", "user-data", "network-config"):
        (files / name).write_text(f"{name}\n")
    missing = host.install()
    assert (missing.returncode, missing.stderr) == (1, "install-system: this host has no xorrisofs\n")
    (host.folder / "bin/xorrisofs").write_text(DISCS)
    (host.folder / "bin/xorrisofs").chmod(0o755)
    done = host.install()
    assert done.returncode == 0, done.stderr
    assert Path(host.volume).read_bytes()[: len(disk)] == disk
    seed = host.systems / "web/seed.iso"
    assert seed.stat().st_mode & 0o777 == 0o600
    with tarfile.open(seed) as disc:
        told = {m.name.removeprefix("./"): disc.extractfile(m).read().decode() for m in disc if m.isfile()}
    assert set(told) == {"meta-data", "user-data", "network-config", "vendor-data"}
    assert told["vendor-data"].startswith("#cloud-config\nssh_keys:\n  ed25519_public: ssh-ed25519 AAAA")
    assert "    -----BEGIN OPENSSH PRIVATE KEY-----\n" in told["vendor-data"]
    noted = (host.systems / "web/host_key.pub").read_text().strip()
    assert noted in told["vendor-data"]


def test_a_cloud_image_that_was_cut_off_is_begun_anew(host):
    """Its first MiB is written last: a half of it is no disk that starts, and is known by the mark."""
    (host.folder / "bin/xorrisofs").write_text(DISCS)
    (host.folder / "bin/xorrisofs").chmod(0o755)
    disk = b"\0" * 510 + b"\x55\xaa" + os.urandom(3 * MIB)
    (host.image / "disk.raw.gz").write_bytes(gzip.compress(disk, 1))
    (host.image / "disk.bytes").write_text(f"{len(disk)}\n")
    (host.folder / "bin/cmp").write_text("#!/bin/sh\nexit 1\n")
    (host.folder / "bin/cmp").chmod(0o755)
    for name in ("meta-data", "user-data", "network-config"):
        (host.systems / "web/files" / name).write_text(f"{name}\n")
    done = host.install()
    assert done.returncode == 1
    assert "what was written is not read again" in done.stderr
    assert host.head().half == "3xTf0Q-a"
    assert Path(host.volume).read_bytes()[MIB : len(disk)] == disk[MIB:]
    (host.folder / "bin/cmp").unlink()
    assert host.install().returncode == 0
    assert Path(host.volume).read_bytes()[: len(disk)] == disk
    assert not host.head().half


def test_a_cloud_image_larger_than_the_volume_is_refused(host):
    """Half a disk is not written."""
    (host.folder / "bin/xorrisofs").write_text(DISCS)
    (host.folder / "bin/xorrisofs").chmod(0o755)
    (host.image / "disk.raw.gz").write_bytes(gzip.compress(b"x", 1))
    (host.image / "disk.bytes").write_text(f"{65 * MIB}\n")
    done = host.install()
    assert done.returncode == 3
    assert "is smaller than the image, which needs 65 MiB; nothing was written" in done.stderr
    assert host.head().is_empty
