"""Archives for the kernel: what goes in comes out, and several may stand in one file."""

from __future__ import annotations

import gzip

import pytest

from runbook.installation import cpio
from runbook.installation.cpio import Entry


def test_what_was_packed_is_unpacked():
    """Names, modes and contents survive, whatever the lengths that must be padded to four bytes."""
    entries = [cpio.file("n" * n, b"x" * size, 0o600) for n in range(1, 6) for size in range(6)]
    entries += [Entry("lib", cpio.LINK | 0o777, b"usr/lib"), Entry("var", cpio.FOLDER | 0o755)]
    assert list(cpio.unpack(cpio.pack(entries))) == entries


def test_an_archive_appended_to_another_is_read_too():
    """As the kernel does it: gzip members one behind the other, with zeros between them."""
    first = cpio.pack([cpio.file("a", "1")])
    both = first + bytes(-len(first) % 4) + cpio.pack([cpio.file("a", "2")])
    assert [(entry.name, entry.data) for entry in cpio.unpack(both)] == [("a", b"1"), ("a", b"2")]


def test_the_header_is_the_one_of_the_kernels_documentation():
    """Magic, 13 fields of eight hexadecimal digits, the name with a zero, padded to four bytes."""
    raw = gzip.decompress(cpio.pack([cpio.file("ab", b"data", 0o640)]))
    assert raw[:6] == b"070701"
    assert raw[14:22] == b"000081A0"
    assert raw[54:62] == b"00000004"
    assert raw[94:102] == b"00000003"
    assert raw[110:120] == b"ab\0\0\0\0data"
    assert raw.rstrip(b"\0").endswith(b"TRAILER!!!")


def test_the_same_entries_make_the_same_bytes():
    """No time and no number of this machine gets in."""
    assert cpio.pack([cpio.file("a", "1")]) == cpio.pack([cpio.file("a", "1")])
    assert cpio.pack([])[4:8] == bytes(4)  # the time in a gzip header (RFC 1952)


def test_something_else_is_refused():
    """A file that is no such archive is an error, not an empty list."""
    with pytest.raises(ValueError, match="no cpio archive"):
        list(cpio.unpack(gzip.compress(b"something else")))


def test_folders_come_outermost_first():
    """The kernel makes a file only where its folder is."""
    names = [entry.name for entry in cpio.folders(["b/c/d", "a/x", "y"])]
    assert names == ["a", "b", "b/c"]
