"""Archives as the kernel unpacks them before anything runs: cpio in its `newc` form, compressed by gzip.

The kernel takes several of them one behind the other, and a later file replaces an earlier one of the
same name; so an installer gets its answers by appending an archive to its own (initramfs buffer format,
Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAGIC = b"070701"
END = "TRAILER!!!"
FOLDER, FILE, LINK = 0o040000, 0o100000, 0o120000


@dataclass(frozen=True)
class Entry:
    """One file, folder or symbolic link; a link's `data` is where it points to."""

    name: str
    mode: int
    """Kind and permissions, as stat(2) has them: 0o100644 for an ordinary file."""
    data: bytes = b""


def file(name: str, data: bytes | str, mode: int = 0o644) -> Entry:
    """Return the entry of an ordinary file."""
    return Entry(name, FILE | mode, data.encode() if isinstance(data, str) else data)


def pack(entries: Iterable[Entry]) -> bytes:
    """Return a gzip'd archive; the same entries give the same bytes.

    >>> [entry.name for entry in unpack(pack([file("preseed.cfg", "d-i ...")]))]
    ['preseed.cfg']
    """
    out = bytearray()
    for number, entry in enumerate([*entries, Entry(END, 0)], start=1):
        name = entry.name.encode() + b"\0"
        links = 2 if entry.mode & 0o170000 == FOLDER else 1
        # inode, mode, uid, gid, links, mtime, size, four device numbers, length of the name, checksum
        fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
        out += MAGIC + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4) + entry.data
        out += bytes(-len(out) % 4)
    return gzip.compress(bytes(out), compresslevel=6, mtime=0)


def unpack(data: bytes) -> Iterator[Entry]:
    """Yield the entries of a gzip'd archive, or of several one behind the other.

    Raises `ValueError` for what is no such archive.
    """
    raw = gzip.decompress(data)
    at = 0
    while at < len(raw):
        if raw[at] == 0:
            at += 1
            continue
        if raw[at : at + 6] != MAGIC:
            raise ValueError(f"no cpio archive in newc form at byte {at}: {raw[at : at + 6]!r}")
        fields = [int(raw[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = raw[at + 110 : at + 110 + length - 1].decode()
        start = _aligned(at + 110 + length)
        at = _aligned(start + size)
        if name != END:
            yield Entry(name, mode, raw[start : start + size])


def folders(names: Iterable[str]) -> list[Entry]:
    """Return the folders above files, outermost first: the kernel makes none by itself.

    >>> [entry.name for entry in folders(["var/lib/dpkg/status"])]
    ['var', 'var/lib', 'var/lib/dpkg']
    """
    found = {
        "/".join(parts[:n]) for parts in (name.split("/") for name in names) for n in range(1, len(parts))
    }
    return [Entry(name, FOLDER | 0o755) for name in sorted(found)]


def _aligned(at: int) -> int:
    return at + -at % 4
