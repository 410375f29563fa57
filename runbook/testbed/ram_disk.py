"""An archive for an initial RAM disk, in the one format that the kernel unpacks: cpio's `newc`."""

from __future__ import annotations

from collections.abc import Mapping


def newc(files: Mapping[str, bytes]) -> bytes:
    """Return an uncompressed archive with these files of root's, mode 0644; folders must be there already.

    Behind another archive it adds to it, and its files take the place of those of the same name
    (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
    """
    entries = [_entry(i, path, data) for i, (path, data) in enumerate(sorted(files.items()), 1)]
    return b"".join([*entries, _entry(0, "TRAILER!!!", b"", mode=0)])


def _entry(inode: int, path: str, data: bytes, mode: int = 0o100644) -> bytes:
    name = path.encode() + b"\0"
    #         inode, mode, uid, gid, links, time, size, and the devices; then the name's length and no checksum
    numbers = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(head + name) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
