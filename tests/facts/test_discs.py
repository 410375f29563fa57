"""Images of discs, read by the very question that a host is asked: whole, cut off, and no disc at all."""

import struct
import subprocess

import pytest

from runbook.facts import discs
from runbook.model.ask import Answer, Facts

SECTOR = discs.SECTOR


def iso(sectors, label=b"DEBIAN", udf=0):
    """Return an image of so many sectors with an ISO 9660 description; with `udf`, one of so many behind a small one."""
    image = bytearray(SECTOR * max(sectors, udf + 300))
    at = 16 * SECTOR
    image[at : at + 6] = b"\x01CD001"
    image[at + 40 : at + 72] = label.ljust(32)
    image[at + 80 : at + 84] = struct.pack("<I", sectors)
    if udf:
        anchor, table = 256 * SECTOR, 32
        image[anchor : anchor + 2] = struct.pack("<H", 2)
        image[anchor + 16 : anchor + 24] = struct.pack("<II", 16 * SECTOR, table)
        part = (table + 2) * SECTOR
        image[part : part + 2] = struct.pack("<H", 5)
        image[part + 188 : part + 196] = struct.pack("<II", 257, udf)
    return bytes(image)


def ask(*paths):
    question = discs.look(tuple(map(str, paths)))
    done = subprocess.run(question.argv, capture_output=True, text=True, check=True)
    return discs.parse(Facts({question: Answer(0, done.stdout)}), tuple(map(str, paths)))


@pytest.mark.parametrize(
    ("data", "whole", "label"),
    [
        (iso(400), True, "DEBIAN"),
        (iso(400)[:-1], False, "DEBIAN"),
        (iso(20, b"CCCOMA_X64", udf=600), True, "CCCOMA_X64"),
        (iso(20, b"CCCOMA_X64", udf=600)[: 500 * SECTOR], False, "CCCOMA_X64"),
        (b"<html>Not found</html>", False, ""),
        (b"", False, ""),
    ],
    ids=["whole", "cut", "udf", "udf cut", "a page", "empty"],
)
def test_a_disc_says_itself_whether_it_is_whole(tmp_path, data, whole, label):
    """The description in the image is compared with the file's size; what has none is no disc."""
    file = tmp_path / "a disc's.iso"
    file.write_bytes(data)
    disc = ask(file, tmp_path / "missing.iso")[str(file)]
    assert (disc.is_whole, disc.label, disc.size) == (whole, label, len(data))


def test_what_is_not_there_is_left_out(tmp_path):
    """Nothing is said of a file that does not exist."""
    assert ask(tmp_path / "missing.iso") == {}
