"""What is inside a volume is named right, and no advice destroys: tables that are hurt or foreign.

The samples are what blkid, sfdisk and od of util-linux 2.38 printed about images that were made for it: with sfdisk,
mkfs.exfat, mkfs.f2fs, makefs (UFS), fdisk (the BSD label), ztest (a real ZFS pool) and xorriso, then cut or overwritten.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.facts.storage import headers, inside, kinds
from runbook.facts.storage.tables import Table
from runbook.model.ask import Answer, Facts
from runbook.params.management import Mount
from runbook.steps.management import look_inside_volumes, mount_partitions
from runbook.steps.shared import mount_refusals
from tests.steps.volumes_host import SAMPLES, Disk, Host, params, table

PATH = "/dev/guests/disk"


def parsed(case: str, *, deep: bool = True) -> Table:
    """Return the table of a sample, with what the second question found or without."""
    answers = {inside.look(PATH): table(case, PATH)}
    if deep:
        answers[headers.look(PATH)] = Answer(0, (SAMPLES / f"{case}.deep").read_text(encoding="utf-8"))
    return inside.parse(Facts(answers), PATH)


def notes(case: str) -> list[tuple[str, str, str, str]]:
    """Return what the step says about the disk of 'comm' that holds a sample: level, what, why, do."""
    host = Host()
    host.disks["comm"] = Disk(case)
    found = look_inside_volumes.check(params(), host.facts(look_inside_volumes, params()))
    return [(f.level, f.what, f.why, f.do) for f in found if "comm" in f.what + f.do + f.why]


def refused(case: str, partition: int) -> str:
    """Return why a partition of a sample is not mounted, '' when it is."""
    mount = Mount.model_validate({"guest": "comm", "partition": partition, "at": "/mnt/comm"})
    read = parsed(case)
    part = read.partition(partition)
    content = part.content if part else (None if partition or read.label else read.content)
    found = mount_refusals.contents(mount, read, content)
    return "; ".join(f"{f.what}: {f.why}" for f in found)


class TestATableThatDoesNotFit:
    @pytest.mark.parametrize("deep", [True, False])
    def test_gpt_volume_too_small(self, deep):
        """A volume that ends before its table is said to be too small, with both sizes, with the headers or without."""
        read = parsed("gpt_shrunk", deep=deep)
        assert (
            "smaller than its table says: it has 286720 sectors, and the table is that of a disk with 409600"
            in read.problems[0]
        )
        assert "let nobody repair it" in read.move
        assert f"lvextend --size 409600s {PATH}" in read.move

    def test_it_is_said_once_and_not_as_growth(self):
        """One warning, and no word of damage, of a repair in the guest, or of a volume that has grown."""
        ((level, what, why, do),) = notes("gpt_shrunk")
        assert (level, what) == ("warn", "The partition table in /dev/guests/comm cannot be trusted")
        assert "can be read" not in why
        assert "grown" not in why + do
        assert "the guest" not in do

    def test_a_few_sectors_too_small(self):
        """Where only the second copy of the table is cut off, every partition can still be mounted, and the cause is said."""
        ((level, _, why, do),) = notes("gpt_shrunk_little")
        assert level == "warn"
        assert "a disk with 409600" in why
        assert "lvextend --size 409600s" in do
        assert refused("gpt_shrunk_little", 2) == ""

    @pytest.mark.parametrize("deep", [True, False])
    def test_sectors_of_four_kib_are_no_damage(self, deep):
        """A table from a disk with large sectors is named as that, with the command that reads it."""
        read = parsed("gpt_4kn", deep=deep)
        assert "sectors of 4096 bytes" in read.problems[0]
        assert "nothing is damaged" in read.problems[0]
        assert "losetup --read-only --sector-size 4096" in read.move
        assert len(notes("gpt_4kn")) == 1

    def test_an_mbr_that_ends_behind_the_volume(self):
        """The same holds for an MBR: the move makes the volume as large as its last partition needs."""
        assert "lvextend --size 302400s" in parsed("mbr_shrunk").move

    def test_a_grown_volume_is_still_a_note(self):
        """What was right stays so."""
        ((level, what, why, _),) = notes("grown")
        assert level == "info"
        assert "sfdisk remarks on" in what
        assert "has grown" in why


class TestATableThatIsHurt:
    def test_gpt_without_pmbr(self):
        """An empty first sector before a whole GPT is no empty disk."""
        read = parsed("gpt_no_pmbr")
        assert not read.is_empty
        assert read.problems[0].startswith("its first sector (sector 0), which announces the GPT, is empty")
        assert "start no installation disc" in read.move
        assert "cannot be trusted" in refused("gpt_no_pmbr", 0)

    def test_the_entries_of_the_first_sector_are_gone(self):
        """A first sector that kept only its signature is the same fault."""
        assert (
            parsed("gpt_mbr_wiped")
            .problems[0]
            .startswith("its first sector (sector 0), which announces the GPT")
        )

    def test_only_the_copy_at_the_end_is_left(self):
        """The first 34 sectors were zeroed: the copy is found where it stands."""
        read = parsed("gpt_first_34")
        assert not read.is_empty
        assert "the copy of its GPT at the end of the volume is there" in read.problems[0]
        assert "1, the current GPT" in read.move

    def test_a_header_without_its_list(self):
        """A header alone does not make a table."""
        assert "its list of partitions is not" in parsed("gpt_list_lost").problems[0]

    def test_a_damaged_copy_is_read_and_said(self):
        """The other copy is read; a backup comes before any tool that writes."""
        ((level, _, why, do),) = notes("gpt_no_backup")
        assert level == "warn"
        assert "one copy is damaged" in why
        assert do.startswith("back the volume up whole first")

    @pytest.mark.parametrize("case", ["gpt_no_pmbr", "gpt_first_34"])
    def test_what_nobody_asked_is_not_known(self, case):
        """An old recording lacks the second question: then the disk reads as before, and nothing breaks."""
        assert parsed(case, deep=False).is_empty

    def test_no_advice_lets_a_tool_write_before_a_copy_exists(self):
        """Each move on a hurt table that names a program which writes begins with a backup of the whole volume."""
        for case in (
            "gpt_no_pmbr",
            "gpt_first_34",
            "gpt_list_lost",
            "protective_only",
            "gpt_no_backup",
            "overlaps",
        ):
            for _, _, _, do in notes(case):
                assert re.match("back the volume up whole first|it only looks wrong from here: keep a whole copy|in the guest",
                                do), (case, do)  # fmt: skip


class TestWhatFillsTheVolume:
    @pytest.mark.parametrize(
        ("case", "fstype"), [("exfat_whole", "exfat"), ("iso_dos", "iso9660"), ("iso_gpt", "iso9660")]
    )
    def test_a_file_system_whose_first_sector_looks_like_a_table(self, case, fstype):
        """exFAT without a table, and discs that start from a USB stick, are mounted as a whole (partition 0)."""
        read = parsed(case)
        assert (read.label, read.content.fstype, read.problems) == ("", fstype, ())
        assert refused(case, 0) == ""

    def test_it_is_mounted(self):
        """The step mounts the whole volume, read-only."""
        host = Host()
        host.disks["comm"] = Disk("exfat_whole")
        asked = params(mounts=[{"guest": "comm", "partition": 0, "at": "/mnt/comm"}])
        planned = mount_partitions.plan(asked, host.facts(mount_partitions, asked))
        assert planned.stops == ()
        assert any(action.title.startswith("run mount -t exfat -o ro") for action in planned.actions)

    def test_a_disk_that_once_held_a_disc_is_a_disk(self):
        """A label of a disc that was left behind does not hide a Linux in a partition."""
        out = (SAMPLES / "full_over_disc.out").read_text(encoding="utf-8")
        assert "TYPE=iso9660" in out
        read = parsed("full_over_disc", deep=False)
        assert read.label == "gpt"
        assert refused("full_over_disc", 2) == ""


class TestWhatIsInAPartition:
    @pytest.mark.parametrize(
        ("case", "partition", "why"),
        [
            ("pfsense_mbr", 1, "by a BSD label: a = UFS at 8.0 KiB, b = swap at 16.0 MiB"),
            ("zfs_gpt", 1, "part of a ZFS pool, which the guest imports (`zpool import`)"),
            ("zfs_gpt", 2, "kept free for the system that made it"),
            ("opnsense_zfs", 1, "a boot loader lies in it"),
            ("opnsense_zfs", 2, "swap space"),
            ("opnsense_zfs", 3, "part of a ZFS pool"),
            ("opnsense_ufs", 2, "UFS, a BSD's file system"),
            ("ldm_mbr", 1, "Windows dynamic disk"),
            ("ldm_gpt", 1, "Windows dynamic disk"),
            ("ldm_gpt", 2, "Windows keeps it for itself"),
            ("ldm_gpt", 3, "Windows dynamic disk"),
            ("f2fs_gpt", 1, "a file system that is the guest's to read"),
            ("mixed_apple", 3, "its table calls it 'Apple APFS'"),
        ],
    )
    def test_it_is_not_mounted_and_named_right(self, case, partition, why):
        """Each kind has its own reason, and none is called never formatted that is known to hold something."""
        said = refused(case, partition)
        assert why in said
        assert ("never formatted" in said) is (case == "mixed_apple")

    @pytest.mark.parametrize(
        ("case", "what"),
        [
            ("pfsense_mbr", "Partition 1 of 'comm' holds a FreeBSD slice: it is listed, not mounted"),
            ("zfs_gpt", "Partition 1 of 'comm' holds zfs_member: it is listed, not mounted"),
            ("opnsense_ufs", "Partition 2 of 'comm' holds ufs: it is listed, not mounted"),
            (
                "ldm_mbr",
                "Partition 1 of 'comm' holds a Windows dynamic disk (LDM): it is listed, not mounted",
            ),
            ("f2fs_gpt", "Partition 1 of 'comm' holds f2fs: it is listed, not mounted"),
        ],
    )
    def test_the_look_has_a_note(self, case, what):
        """The step that looks explains what cannot be mounted."""
        assert ("info", what) in [(level, text) for level, text, _, _ in notes(case)]

    def test_without_the_label_only_the_places_are_known(self):
        """Where the label was not asked for, what partx and blkid found is still told."""
        slots = parsed("pfsense_mbr", deep=False).partitions[0].slots
        assert [(s.letter, s.start, s.content.fstype) for s in slots] == [
            ("", 1056768, "ufs"),
            ("", 17834496, ""),
        ]


class TestKinds:
    def test_each_is_what_sfdisk_calls_so(self):
        """Every id is one that `sfdisk -T` lists; what it calls otherwise, and no more, has a source of its own."""
        if shutil.which("sfdisk") is None:
            pytest.skip("needs sfdisk")
        for label in ("gpt", "dos"):
            said = subprocess.run(
                ["sfdisk", "--label", label, "-T"], capture_output=True, text=True, check=True
            ).stdout
            ids = {line.split()[0].upper() for line in said.splitlines()[2:] if line.strip()}
            ours = {kind.type.upper() for kind in kinds.every() if kind.label == label}
            assert ours <= ids
            assert len(ours) > 80

    def test_a_type_has_one_name(self):
        """No type stands twice, and the reasons are the middle of a sentence."""
        rows = [(kind.label, kind.type) for kind in kinds.every()]
        text = (Path(kinds.__file__).parent / "kinds.csv").read_text(encoding="utf-8")
        assert len(rows) == sum(line[:4] in ("gpt,", "dos,") for line in text.splitlines())
        assert [kind for kind in kinds.every() if kind.holds.endswith(".")] == []


def _has_loop_devices() -> bool:
    made = subprocess.run(
        ["losetup", "-r", "--show", "-f", __file__], capture_output=True, text=True, check=False
    )
    if made.returncode == 0:
        subprocess.run(["losetup", "-d", made.stdout.strip()], check=True)
    return made.returncode == 0


@pytest.mark.skipif(
    shutil.which("losetup") is None or not _has_loop_devices(), reason="needs root and loop devices"
)
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ([(0, 512)], "its first sector"),
        ([(0, 34 * 512)], "its first sectors were overwritten"),
        ([(0, 512), (512, 512)], "its first sectors were overwritten"),
    ],
)  # fmt: skip
def test_the_question_finds_them_on_a_disk(tmp_path, damage, problem):
    """Asked of a real block device, both questions tell a hurt table from an empty disk."""
    image = tmp_path / "disk"
    image.write_bytes(b"")
    subprocess.run(["truncate", "-s", "40M", image], check=True)
    subprocess.run(
        ["sfdisk", "-q", image], input="label: gpt\nsize=8192\n", text=True, check=True, capture_output=True
    )
    with image.open("r+b") as file:
        for at, count in damage:
            file.seek(at)
            file.write(bytes(count))
    loop = subprocess.run(
        ["losetup", "-r", "-f", "--show", image], capture_output=True, text=True, check=True
    )
    path = loop.stdout.strip()
    try:
        answers = {}
        for ask in (inside.look(path), headers.look(path)):
            done = subprocess.run(ask.argv, capture_output=True, text=True, check=False)
            answers[ask] = Answer(done.returncode, done.stdout, done.stderr)
    finally:
        subprocess.run(["losetup", "-d", path], check=True)
    read = inside.parse(Facts(answers), path)
    assert not read.is_empty
    assert problem in read.problems[0]
