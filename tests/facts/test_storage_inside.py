"""What is inside a volume: parsed from what sfdisk 2.38 and blkid printed about images made for it."""

from pathlib import Path

import pytest

from runbook.facts.storage import inside
from runbook.facts.storage.tables import Content
from runbook.model.ask import MISSING, Answer, Facts

CASES = Path(__file__).parent / "storage/inside"
PATH = "/dev/guests/disk"
MIB = 1024**2


def parsed(case):
    """Return the table of a sample."""
    out, err = ((CASES / f"{case}.{end}").read_text(encoding="utf-8") for end in ("out", "err"))
    return inside.parse(Facts({inside.look(PATH): Answer(0, out, err)}), PATH)


def test_windows_ten_and_eleven():
    """ESP, MSR, C: and recovery are four rows, and C: is the third, not the second (H804)."""
    table = parsed("windows")
    assert (table.label, table.size, table.problems) == ("gpt", 96 * MIB, ())
    assert [(p.number, p.start, p.size, p.content.fstype) for p in table.partitions] == [
        (1, 1 * MIB, 16 * MIB, "vfat"),
        (2, 17 * MIB, 4 * MIB, ""),
        (3, 21 * MIB, 40 * MIB, "ntfs"),
        (4, 61 * MIB, 20 * MIB, "ntfs"),
    ]


def test_names_with_colons_blanks_and_quotes():
    """A GPT's names and the labels of file systems come through whole (H802)."""
    table = parsed("windows")
    assert [p.name for p in table.partitions][2:] == ["C: Basic data partition", 'Recovery: "WinRE" {x']
    assert [p.content.label for p in table.partitions] == ["SYSTEM 1", "", "Win: C", "Recovery"]


def test_an_mbr_with_logical_partitions():
    """The extended partition is a box: what lies in it is numbered from 5 and overlaps nothing."""
    table = parsed("linux")
    assert (table.label, table.problems) == ("dos", ())
    assert [(p.number, p.type, p.content.fstype, p.is_extended) for p in table.partitions] == [
        (1, "83", "ext4", False),
        (2, "82", "swap", False),
        (3, "5", "", True),
        (5, "8e", "LVM2_member", False),
        (6, "83", "", False),
    ]
    assert [p.number for p in table.partitions if p.is_boot] == [1]
    assert table.partition(7) is None


def test_overlaps_and_ends_behind_the_volume_are_problems():
    """A table whose partitions overlap or leave the volume is not to be trusted."""
    assert parsed("overlaps").problems == (
        "partition 3 ends at byte 118743040, behind the end of the volume (100663296)",
        "partitions 1 and 2 overlap",
    )


def test_a_gpt_of_which_only_the_announcement_is_left():
    """Both copies of the GPT are gone: the MBR's entry that stands for it is not taken for a partition."""
    (problem,) = parsed("protective_only").problems
    assert problem == "it announces a GPT, and neither of the two copies of that GPT can be read"


@pytest.mark.parametrize(
    ("case", "word"),
    [("grown", "not on the end of the device"), ("primary_damaged", "primary GPT table is corrupt")],
)
def test_remarks_do_not_stop(case, word):
    """A grown volume and a damaged first copy are remarked on, and the partitions are all there."""
    table = parsed(case)
    assert len(table.partitions) == 4
    assert table.problems == ()
    assert word in " ".join(table.remarks)


def test_a_hybrid_is_read_as_its_gpt():
    """An MBR that repeats a partition of the GPT beside it changes nothing."""
    assert parsed("hybrid").partitions == parsed("windows").partitions


def test_a_file_system_without_a_table():
    """sfdisk takes a FAT's boot sector for an empty table; blkid's word counts."""
    table = parsed("fat_without_table")
    assert (table.label, table.partitions, table.content.fstype) == ("", (), "vfat")
    assert not table.is_empty


def test_an_empty_volume():
    """A volume with nothing in it is empty, and sfdisk's complaint about that is no remark."""
    table = parsed("empty")
    assert table.is_empty
    assert table.remarks == ()


def test_without_sfdisk_nothing_is_concluded():
    """A host without sfdisk gives an unread table, not an empty one."""
    table = parsed("without_sfdisk")
    assert table.is_unread
    assert not table.is_empty


def test_a_missing_volume():
    """A device that does not exist is said not to."""
    facts = Facts({inside.look(PATH): Answer(MISSING)})
    assert not inside.parse(facts, PATH).exists


def test_sectors_of_four_kib():
    """Starts and sizes are multiplied with the sector size that sfdisk names."""
    out = (CASES / "linux.out").read_text(encoding="utf-8").replace('"sectorsize": 512', '"sectorsize": 4096')
    facts = Facts({inside.look(PATH): Answer(0, out)})
    assert inside.parse(facts, PATH).partitions[0].start == 8 * MIB


def test_nothing_known_is_an_empty_content():
    """What blkid does not recognise has no file system and no table."""
    assert inside.content("") == Content("", "", "", "", "")
