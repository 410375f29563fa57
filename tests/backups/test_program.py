"""The backup program itself, run for real on plain files; only Xen, LVM and breakdowns are faked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from runbook.backups import sidecar
from tests.backups.host import CONFIG, MIB, Host, checksum, ext4, kept_in

pytestmark = pytest.mark.skipif(
    any(shutil.which(p, path=f"{os.environ['PATH']}:/usr/sbin") is None for p in ("zstd", "partclone.ext4")),
    reason="zstd and partclone are needed to try backups for real",
)
# In the middle of the copy: a signal that came while bash set the pipe up was seen to end its tidying up after the
# first line; then the next backup tidies up. Without a child: a shell that waits for one may take SIGINT for its.
HANGS = 'sleep 0.3; : >"$BACKUP_ROOT/hangs"; exec sleep 60'


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host with one backup of used blocks of an ext4 without a partition table; made once."""
    host = Host(tmp_path_factory.mktemp("first"))
    ext4(host.volume)
    status, said = host.make()
    assert status == 0, said
    return host


@pytest.fixture
def made(host: Host, first: Host) -> Path:
    """The same backup and volume on a host of this test's own."""
    shutil.copytree(first.store, host.store, dirs_exist_ok=True)
    shutil.copy(first.volume, host.volume)
    return host.backups[0]


def test_used_blocks_bring_a_file_system_back(host: Host) -> None:
    """What a file system uses comes back, and its deleted data is not even kept."""
    content = ext4(host.volume)
    assert host.make()[0] == 0
    backup = host.backups[0]
    host.volume.write_bytes(os.urandom(24 * MIB))
    status, said = host.restore(backup)
    assert status == 0, said
    assert kept_in(host.volume) == content
    assert 2 * MIB < (backup / "blocks.zst").stat().st_size < 4 * MIB


def test_whole_brings_every_byte_back(host: Host) -> None:
    """A whole backup restores the volume to the last byte, and `zstd` alone can unpack it."""
    before = os.urandom(3 * MIB) + bytes(5 * MIB) + os.urandom(4097)
    host.volume.write_bytes(before)
    assert host.make("whole")[0] == 0
    host.volume.write_bytes(os.urandom(len(before)))
    assert host.restore(host.backups[0])[0] == 0
    assert host.volume.read_bytes() == before
    assert sidecar.parse((host.backups[0] / "backup.json").read_text()).content == "whole"


def test_an_unknown_content_is_kept_whole_and_said(host: Host) -> None:
    """Where no file system is known, every byte is kept and both the output and the sidecar say why."""
    before = os.urandom(2 * MIB)
    host.volume.write_bytes(before)
    _, said = host.make()
    assert "the volume is kept whole: no file system that is known" in said
    host.volume.write_bytes(bytes(2 * MIB))
    assert host.restore(host.backups[0])[0] == 0
    assert host.volume.read_bytes() == before
    kept = sidecar.parse((host.backups[0] / "backup.json").read_text()).kept_whole
    assert [part.why for part in kept] == ["no file system that is known"]


def test_a_dirty_file_system_is_kept_whole(host: Host) -> None:
    """An ext4 whose journal was not played back is kept whole: what its bitmaps call free may be used."""
    ext4(host.volume)
    with host.volume.open("r+b") as image:  # s_feature_incompat, bit RECOVER (ext4(5))
        image.seek(1024 + 0x60)
        bits = image.read(1)[0]
        image.seek(1024 + 0x60)
        image.write(bytes([bits | 4]))
    _, said = host.make()
    assert "its journal was not played back" in said or "partclone.ext4 would not read it" in said
    assert (host.backups[0] / "blocks.zst").stat().st_size > 9 * MIB


def test_the_sidecar_says_what_the_backup_is(host: Host, made: Path) -> None:
    """Size, guest configuration, MACs, tools and checksum are all in the sidecar."""
    said = sidecar.parse((made / "backup.json").read_text())
    assert said is not None
    assert (said.name, said.guest, said.size_bytes) == (made.name, "comm", 24 * MIB)
    assert (said.config, said.macs, said.source) == (CONFIG, ("00:16:3e:14:02:00",), "off")
    assert said.file_bytes == (made / "blocks.zst").stat().st_size
    assert f"{said.sha256}  blocks.zst" in (made / "SHA256SUMS").read_text()
    assert [tool.split("-")[0] for tool in said.tools] == ["zstd", "partclone", "sfdisk"]
    assert said.kept_bytes < 12 * MIB


def test_progress_is_said(host: Host, made: Path) -> None:
    """The work says how far it is, how fast, and how long it will still take."""
    _, said = host.run("verify", host.store, made.name)
    assert "reading: 100 % of " in said
    assert "MiB/s, 0 s left" in said


def test_a_good_backup_verifies_and_is_noted(host: Host, made: Path) -> None:
    """Verification leaves a note of what exactly was read; it restores nothing."""
    before = host.volume.read_bytes()
    assert host.run("verify", host.store, made.name)[0] == 0
    note = (host.notes / f"{made.name}.verified").read_text().split()
    data = (made / "blocks.zst").stat()
    assert note[:3] == [checksum(made), str(data.st_size), str(int(data.st_mtime))]
    assert host.volume.read_bytes() == before


def _truncate(backup: Path) -> None:
    os.truncate(backup / "blocks.zst", (backup / "blocks.zst").stat().st_size - 1000)


def _alter(backup: Path) -> None:
    with (backup / "blocks.zst").open("r+b") as data:
        data.seek(1_000_000)
        byte = data.read(1)[0]
        data.seek(1_000_000)
        data.write(bytes([byte ^ 1]))


def _alter_sidecar(backup: Path) -> None:
    text = (backup / "backup.json").read_text()
    (backup / "backup.json").write_text(text.replace('"size_bytes": 25165824', '"size_bytes": 1048576'))


DAMAGES = [
    (_truncate, "blocks.zst is truncated: "),
    (_alter, "blocks.zst was altered: its sha256 is "),
    (_alter_sidecar, "backup.json was altered"),
    (lambda b: (b / "blocks.zst").unlink(), "lacks its blocks.zst"),
    (lambda b: (b / "backup.json").unlink(), "lacks its backup.json"),
    (lambda b: (b / "SHA256SUMS").unlink(), "lacks its SHA256SUMS"),
    (lambda b: (b / "SHA256SUMS").write_text(""), "its SHA256SUMS is empty"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_damaged_backup_does_not_verify(host: Host, made: Path, damage, words: str) -> None:
    """The first thing that is wrong is named, and no note is left."""
    damage(made)
    status, said = host.run("verify", host.store, made.name)
    assert status == 1
    assert words in said
    assert not (host.notes / f"{made.name}.verified").exists()


def test_a_wrong_digest_condemns_until_it_is_read_and_right(host: Host, made: Path) -> None:
    """The note that it was good goes, and one that it is broken comes; good once more, it is the other way round."""
    notes = [host.notes / f"{made.name}.{kind}" for kind in ("verified", "broken")]
    assert host.run("verify", host.store, made.name)[0] == 0
    before = (made / "blocks.zst").stat()
    _alter(made)
    os.utime(made / "blocks.zst", (before.st_atime, int(before.st_mtime)))
    assert host.run("verify", host.store, made.name)[0] == 1
    assert [note.exists() for note in notes] == [False, True]
    assert notes[1].read_text().split()[:3] == [
        checksum(made),
        str(before.st_size),
        str(int(before.st_mtime)),
    ]
    _alter(made)
    assert host.run("verify", host.store, made.name)[0] == 0
    assert [note.exists() for note in notes] == [True, False]


NOT_NOW = [
    ("tee", 'head -c 1000 >"$2"; echo "tee: read error: Input/output error" >&2; exit 1', "could not be read just now: tee: read error"),
    ("zstd", "cat >/dev/null; kill -9 $$", "could not be read just now: what unpacks it was ended"),
    ("zstd", 'echo "zstd: error 11: not enough memory" >&2; exit 11', "could not be read just now: what unpacks it was ended"),
    ("openssl", "cat >/dev/null; exit 1", "could not be"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "script", "words"), NOT_NOW)
def test_what_cannot_be_read_just_now_is_no_verdict(
    host: Host, made: Path, program: str, script: str, words: str
) -> None:
    """A disk that does not answer and a program that is ended say nothing of the backup: what was known of it stays."""
    assert host.run("verify", host.store, made.name)[0] == 0
    host.fake(program, script)
    status, said = host.run("verify", host.store, made.name)
    assert (status, words in said) == (1, True), said
    assert (host.notes / f"{made.name}.verified").exists()
    assert not (host.notes / f"{made.name}.broken").exists()


@pytest.mark.parametrize("damage", [_truncate, _alter])
def test_a_damaged_backup_is_not_restored(host: Host, made: Path, damage) -> None:
    """A backup is verified before the first byte is written."""
    damage(made)
    before = host.volume.read_bytes()
    status, _ = host.restore(made)
    assert status == 1
    assert host.volume.read_bytes() == before


def test_a_smaller_volume_is_refused(host: Host, made: Path) -> None:
    """A backup does not go onto a volume that is smaller than the one it is of."""
    small = host.root / "dev/guests/small"
    small.write_bytes(bytes(23 * MIB))
    status, said = host.restore(made, volume=small)
    assert status == 3
    assert f"has {23 * MIB} bytes, the backup needs {24 * MIB}" in said
    assert small.read_bytes() == bytes(23 * MIB)


def test_a_larger_volume_is_filled_from_its_beginning(host: Host) -> None:
    """A larger volume takes the backup, and what lies behind it is left alone."""
    content = ext4(host.volume)
    assert host.make()[0] == 0
    host.volume.write_bytes(b"x" * (25 * MIB))
    status, said = host.restore(host.backups[0])
    assert status == 0
    assert "larger than the backup" in said
    assert kept_in(host.volume) == content
    assert host.volume.read_bytes()[24 * MIB :] == b"x" * MIB


def test_a_wrong_guest_is_refused(host: Host, made: Path) -> None:
    """A backup of one guest is not written to the disk of another."""
    status, said = host.restore(made, guest="nginx")
    assert (status, "is not a backup of nginx" in said) == (3, True)


def test_another_backup_than_agreed_is_refused(host: Host, made: Path) -> None:
    """The checksum in the plan must be the backup's: nothing can be slipped in after consent."""
    status, said = host.run("restore", host.store, made.name, "comm", host.volume, "0" * 64, 0)
    assert (status, "not the backup that was agreed to" in said) == (3, True)


def test_a_running_guest_is_refused(host: Host, made: Path) -> None:
    """Neither a backup nor a restore touches the volume of a guest that runs."""
    host.fake("xl", "exit 0")
    status, said = host.make()
    assert (status, "comm is running" in said) == (3, True)
    status, said = host.restore(made)
    assert (status, "comm is running" in said) == (3, True)
    assert len(host.backups) == 1


def test_a_silent_xen_is_refused(host: Host) -> None:
    """Under Xen, when xl does not answer, nobody knows what runs, and nothing is touched."""
    host.volume.write_bytes(bytes(MIB))
    (host.root / "proc/xen").mkdir()
    (host.root / "proc/xen/capabilities").write_text("control_d\n")
    host.fake("xl", "exit 1")
    status, said = host.make()
    assert (status, "xl does not answer" in said) == (3, True)


def test_a_guest_that_starts_meanwhile_spoils_the_backup(host: Host) -> None:
    """A guest that is found running after the copy means that the copy is thrown away."""
    host.volume.write_bytes(bytes(MIB))
    host.fake("xl", '[ "$1" = list ] || [ -n "$(ls $BACKUP_ROOT/store/.*.partial/*.zst 2>/dev/null)" ]')
    status, said = host.make()
    assert (status, "was started meanwhile" in said) == (1, True)
    assert list(host.store.iterdir()) == []


@pytest.mark.parametrize("options", ["rw", "rw,relatime"])
def test_a_volume_that_is_mounted_writable_is_refused(host: Host, options: str) -> None:
    """A volume that somebody may be writing to is not copied; one mounted read-only is."""
    host.volume.write_bytes(bytes(MIB))
    (host.root / "proc/mounts").write_text(f"{host.volume} /mnt/x ext4 {options} 0 0\n")
    status, said = host.make()
    assert (status, "mounted writable at /mnt/x" in said) == (3, True)
    (host.root / "proc/mounts").write_text(f"{host.volume} /mnt/x ext4 ro,relatime 0 0\n")
    assert host.make()[0] == 0


def test_a_mounted_volume_is_not_restored_to(host: Host, made: Path) -> None:
    """Even a read-only mount would see its disk change under it."""
    (host.root / "proc/mounts").write_text(f"{host.volume} /mnt/x ext4 ro 0 0\n")
    status, said = host.restore(made)
    assert (status, "is mounted at /mnt/x" in said) == (3, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_backup_leaves_nothing(host: Host, number: signal.Signals) -> None:
    """After Ctrl-C, a time-out or a lost connection there is no half backup."""
    host.volume.write_bytes(os.urandom(MIB))
    host.fake("tee", HANGS)
    process = host.start("make", "comm", host.volume, host.store, "whole", "off")
    host.wait_for(host.root / "hangs")
    host.end(process, number)
    assert list(host.store.iterdir()) == []


def test_a_killed_backup_is_no_backup_and_is_cleaned_up(host: Host) -> None:
    """What `kill -9` or a power cut leaves is not taken for a backup, and the next one removes it."""
    host.volume.write_bytes(os.urandom(MIB))
    host.fake("tee", HANGS)
    process = host.start("make", "comm", host.volume, host.store, "whole", "off")
    host.wait_for(host.root / "hangs")
    host.end(process, signal.SIGKILL)
    assert [p.name.endswith(".partial") for p in host.store.iterdir()] == [True]
    assert host.backups == []
    (host.root / "bin/tee").unlink()
    status, said = host.make("whole")
    assert (status, "cut off left behind" in said) == (0, True)
    assert [p.name for p in host.store.iterdir()] == [host.backups[0].name]


def test_a_full_disk_leaves_nothing(host: Host) -> None:
    """When writing fails, the backup fails, whatever the end of the pipe says (H816)."""
    host.volume.write_bytes(os.urandom(MIB))
    host.fake("tee", 'head -c 1000 >"$1"; echo "tee: $1: No space left on device" >&2; exit 1')
    status, said = host.make("whole")
    assert (status, "No space left" in said) == (1, True)
    assert list(host.store.iterdir()) == []


def test_too_little_room_is_seen_before(host: Host) -> None:
    """The room is reckoned from a packed sample, and what does not fit is not begun."""
    host.volume.write_bytes(os.urandom(8 * MIB))
    host.fake("df", "echo Avail; echo 4000000")
    status, said = host.make("whole")
    assert (status, "too little room: about 9 MiB are needed, 3 MiB are free" in said) == (3, True)


def test_two_at_once_are_refused(host: Host) -> None:
    """A second backup does not take the first one's unfinished files for rubbish."""
    host.volume.write_bytes(os.urandom(MIB))
    host.fake("tee", HANGS)
    process = host.start("make", "comm", host.volume, host.store, "whole", "off")
    host.wait_for(host.root / "hangs")
    status, said = host.make("whole")
    host.end(process, signal.SIGTERM)
    assert (status, "another backup or restore is at work" in said) == (3, True)


def test_a_cut_off_restore_is_noted(host: Host, made: Path) -> None:
    """A restore that did not end says so, until one does."""
    host.fake("zstd", 'case "$*" in *blocks.zst*) exit 1 ;; esac; exec /usr/bin/zstd "$@"')
    assert host.restore(made)[0] == 1
    assert (host.notes / "comm.restoring").read_text().strip() == made.name
    (host.root / "bin/zstd").unlink()
    assert host.restore(made)[0] == 0
    assert not (host.notes / "comm.restoring").exists()
    assert (host.notes / "comm.restored").read_text().split()[:3] == [made.name, checksum(made), "0"]


def test_a_volume_that_does_not_keep_what_is_written_is_found_out(host: Host, made: Path) -> None:
    """The volume is read again after it was written: a difference is an error and no success is noted."""
    spoil = 'printf X | dd of="$2" bs=1 seek=2000 conv=notrunc status=none'
    host.fake("blocks", f'{host.blocks} "$@" || exit\n[ "$1" != scatter ] || {spoil}')
    host.blocks = host.root / "bin/blocks"
    status, said = host.restore(made)
    assert (status, "differs from the backup between bytes 0 and" in said) == (1, True)
    assert (host.notes / "comm.restoring").exists()
    assert not (host.notes / "comm.restored").exists()


def _has_loop_devices() -> bool:
    """Whether a window onto a part of a file can be made here; the machine is left as it was."""
    made = subprocess.run(
        ["losetup", "-r", "--show", "-f", __file__], capture_output=True, text=True, check=False
    )
    if made.returncode == 0:
        subprocess.run(["losetup", "-d", made.stdout.strip()], check=True)
    return made.returncode == 0


GPT = """label: gpt
start=2048, size=49152, type=L
size=8192, type=L
"""
MBR = """label: dos
start=2048, size=49152, type=83
start=51200, size=20000, type=83
"""


def _disk(host: Host, table: str) -> bytes:
    """Make the volume a disk: an ext4 in the first partition, noise in the second; return the kept file."""
    content = ext4(host.root / "part")
    subprocess.run(["truncate", "-s", "40M", host.volume], check=True)
    subprocess.run(
        ["sfdisk", "-q", "-f", host.volume], input=table, text=True, check=True, capture_output=True
    )
    _put(host.volume, 2048 * 512, (host.root / "part").read_bytes())
    _put(host.volume, (2048 + 49152) * 512, os.urandom(4 * MIB))
    return content


def _put(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.skipif(not _has_loop_devices(), reason="needs root and loop devices")
def test_a_disk_with_a_table_comes_back(host: Host) -> None:
    """Table, gaps and a partition that no tool knows come back to the byte; of an ext4, what it uses."""
    content = _disk(host, GPT)
    before = host.volume.read_bytes()
    status, said = host.make()
    assert status == 0, said
    assert "partition 2 (unknown) is kept whole" in said
    kept = sidecar.parse((host.backups[0] / "backup.json").read_text())
    assert [(p.number, p.start, p.kept) for p in kept.parts] == [
        (1, MIB, "used-blocks"),
        (2, 25 * MIB, "whole"),
    ]
    assert "start=        2048, size=       49152" in kept.table
    host.volume.write_bytes(os.urandom(40 * MIB))
    assert host.restore(host.backups[0])[0] == 0
    after = host.volume.read_bytes()
    assert after[:MIB] == before[:MIB]
    assert after[25 * MIB :] == before[25 * MIB :]
    (host.root / "part").write_bytes(after[MIB : 25 * MIB])
    assert kept_in(host.root / "part") == content
    assert kept.file_bytes < 8 * MIB


def test_overlapping_partitions_are_kept_whole(host: Host) -> None:
    """When partitions overlap, what one calls free may be the other's: every byte is kept."""
    _disk(host, MBR)
    _put(host.volume, 446 + 16 + 8, (40000).to_bytes(4, "little"))  # the second entry's start
    before = host.volume.read_bytes()
    _, said = host.make()
    assert said.count("partitions overlap, or end behind the volume") == 2
    host.volume.write_bytes(bytes(len(before)))
    assert host.restore(host.backups[0])[0] == 0
    assert host.volume.read_bytes() == before


LVM = {
    "xl": "exit 0",
    "dmsetup": "exit 1",
    "vgs": "echo 5000",
    "lvs": """case "$*" in
        *segtype*) echo linear ;; *snapshot_invalid*) echo "${INVALID:-0}" ;; *lv_size*) echo 1000.00 ;;
        *@*) [ ! -e $BACKUP_ROOT/left ] || echo guests/left ;; *lv_full_name*) echo guests/comm ;; esac""",
    "lvcreate": "cp $BACKUP_ROOT/dev/guests/comm $BACKUP_ROOT/dev/guests/comm-runbook-backup",
    "lvremove": "rm -f $BACKUP_ROOT/dev/guests/comm-runbook-backup $BACKUP_ROOT/left",
}


@pytest.fixture
def with_lvm(host: Host) -> Host:
    ext4(host.volume)
    for name, script in LVM.items():
        host.fake(name, script)
    return host


def test_a_running_guest_is_copied_from_a_snapshot(with_lvm: Host) -> None:
    """The snapshot is made, read, removed; the sidecar says that the copy is as after a power cut."""
    status, said = with_lvm.make(source="snapshot")
    assert status == 0, said
    assert "as after a power cut" in said
    assert sidecar.parse((with_lvm.backups[0] / "backup.json").read_text()).source == "snapshot"
    made = [c for c in with_lvm.calls() if c.startswith("lvcreate")]
    assert made == [
        "lvcreate -q --yes -s --addtag xen-runbook-backup -n comm-runbook-backup -L 200m guests/comm"
    ]
    assert not (with_lvm.root / "dev/guests/comm-runbook-backup").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_removes_the_snapshot(with_lvm: Host, number: signal.Signals) -> None:
    """A snapshot does not outlive an interrupted backup: it would fill up and slow the guest down."""
    with_lvm.fake("tee", HANGS)
    process = with_lvm.start("make", "comm", with_lvm.volume, with_lvm.store, "whole", "snapshot")
    with_lvm.wait_for(with_lvm.root / "hangs")
    with_lvm.end(process, number)
    assert "lvremove -q -f @xen-runbook-backup" in with_lvm.calls()
    assert list(with_lvm.store.iterdir()) == []


def test_an_overflowed_snapshot_spoils_the_backup(with_lvm: Host) -> None:
    """When the guest wrote more than the snapshot could hold, nothing is kept."""
    with_lvm.fake("lvs", LVM["lvs"].replace("${INVALID:-0}", "1"))
    status, said = with_lvm.make(source="snapshot")
    assert (status, "the snapshot overflowed" in said) == (1, True)
    assert with_lvm.backups == []
    assert "lvremove -q -f @xen-runbook-backup" in with_lvm.calls()


def test_a_snapshot_that_was_left_behind_is_removed(with_lvm: Host) -> None:
    """The next backup removes the snapshot of one that was killed."""
    (with_lvm.root / "left").touch()
    _, said = with_lvm.make(source="snapshot")
    assert "removing the snapshot that a backup that was cut off left behind: guests/left" in said
    assert "lvremove -q -f guests/left" in with_lvm.calls()


def test_the_sidecar_is_json_whatever_the_configuration_holds(host: Host) -> None:
    """Quotes, backslashes, tabs and letters beyond ASCII in a configuration come back as they were."""
    text = 'name = "comm"\n# "a\\b"\tBüro\x7f\n'
    (host.root / "etc/xen/comm.cfg").write_text(text)
    host.volume.write_bytes(bytes(MIB))
    assert host.make()[0] == 0
    assert json.loads((host.backups[0] / "backup.json").read_text())["config"] == text


def test_wrong_words_say_how_it_is_used(host: Host) -> None:
    """Wrong usage ends with 2 and the right one."""
    assert host.run("make", "comm") == (2, host.run("help")[1])
    assert "backup restore FOLDER NAME GUEST VOLUME SUM AGAIN" in host.run("help")[1]
