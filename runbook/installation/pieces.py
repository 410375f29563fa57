"""Components of the installer that a mirror lacks, taken from the ordinary packages instead.

A mirror may list every installer component (udeb) and yet carry only some; the installer then stops at
"Downloading a file failed". What it lacks is added to its initrd and noted there as installed, so that
it is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook.installation import cpio
from runbook.installation.archive import Archive, contents
from runbook.installation.cpio import Entry

Say = Callable[[str], None]
STATUS = "var/lib/dpkg/status"


@dataclass(frozen=True)
class Piece:
    """One component, and what stands in for it: files of packages, chosen by a regular expression."""

    name: str
    packages: tuple[str, ...] = ()
    """Regular expressions for the packages' names, which differ between releases."""
    files: str = ""


_LIB = r"(usr/)?lib/x86_64-linux-gnu"
#: The components seen missing. Those without packages are for file systems that the layout has none of.
PIECES = (
    Piece(
        "e2fsprogs-udeb",
        ("e2fsprogs", "libext2fs2(t64)?", "libcom-err2", "libss2"),
        r"(usr/)?sbin/(mke2fs|mkfs\.ext[234]|e2fsck|fsck\.ext[234]|badblocks|tune2fs|resize2fs|e2label)"
        rf"|etc/mke2fs\.conf|{_LIB}/lib(ext2fs|e2p|com_err|ss)\.so\.2.*",
    ),
    Piece("libmount1-udeb", ("libmount1",), rf"{_LIB}/libmount\.so\.1.*"),
    Piece("ntfs-3g-udeb"),
    Piece("xfsprogs-udeb"),
)
#: One of the kernel's components stands for all: they come from one package and are there or not together.
PROBE = "ext4-modules-{kernel}-di"
#: What an installation needs of the kernel besides what the installer brings: disks, LVM, ext4, FAT.
MODULES = (
    r"(drivers/(ata|block|cdrom|dax|md|message|mmc|nvme|nvmem|scsi|virtio)"
    r"|fs/(ext4|jbd2|fat|nls|isofs|efivarfs|mbcache)|lib|crypto|arch/x86/crypto)[/.].*"
)


@dataclass(frozen=True)
class Completion:
    """What is to be added to the installer's initrd: files, and whose components they stand in for."""

    entries: tuple[Entry, ...] = ()
    names: tuple[str, ...] = ()
    has_modules: bool = False


def complete(archive: Archive, base: list[Entry], say: Say) -> Completion:
    """Return what the mirror lacks; nothing when it lacks nothing."""
    known = _installed(base)
    kernel = _kernel(base)
    listed = {about["Package"]: about for about in archive.about("|".join(re.escape(p.name) for p in PIECES))}
    stanzas: list[dict[str, str]] = []
    entries: list[Entry] = []
    for piece in PIECES:
        if piece.name not in listed or piece.name in known or archive.has(piece.name):
            continue
        how = "ordinary packages stand in for it" if piece.packages else "this layout does without it"
        say(f"the mirror lacks {piece.name}; {how}")
        stanzas.append(listed[piece.name])
        for package in _packages(archive, piece):
            entries += _files(package, piece.files)
    modules = not archive.has(PROBE.format(kernel=kernel))
    if modules:
        say(f"the mirror lacks the installer's modules of Linux {kernel}; its package stands in for them")
        stanzas += archive.about(rf".*-modules-{re.escape(kernel)}-di")
        entries += _files(
            archive.package(f"linux-image-{kernel}"), rf"(usr/)?lib/modules/[^/]+/kernel/{MODULES}"
        )
    stanzas = [stanza for stanza in stanzas if stanza["Package"] not in known]
    if not stanzas:
        return Completion()
    status = next(entry.data for entry in base if entry.name == STATUS).decode()
    entries.append(cpio.file(STATUS, status.rstrip("\n") + "\n\n" + "\n".join(map(_stanza, stanzas))))
    return Completion(tuple(entries), tuple(stanza["Package"] for stanza in stanzas), modules)


def beside(base: list[Entry], added: Iterable[Entry]) -> list[Entry]:
    """Return entries as they must be named to go beside what is there, with the folders that are missing.

    A folder where the installer has a link (`lib`, which is `usr/lib`) would replace the link and hide all
    that is behind it: the names go through the links instead.
    """
    links = {entry.name: entry.data.decode() for entry in base if entry.mode & 0o170000 == cpio.LINK}
    names = {entry.name for entry in base}
    moved = [Entry(_through(entry.name, links), entry.mode, entry.data) for entry in added]
    folders = [folder for folder in cpio.folders(entry.name for entry in moved) if folder.name not in names]
    return folders + moved


def _through(name: str, links: dict[str, str]) -> str:
    """The name with a link as its first part followed.

    >>> _through("lib/modules/x.ko", {"lib": "usr/lib"})
    'usr/lib/modules/x.ko'
    """
    first, slash, rest = name.partition("/")
    return f"{links[first].strip('/')}/{rest}" if slash and first in links else name


def _installed(base: list[Entry]) -> set[str]:
    status = next((entry.data for entry in base if entry.name == STATUS), b"").decode()
    return set(re.findall(r"^Package: (\S+)$", status, re.MULTILINE))


def _kernel(base: list[Entry]) -> str:
    """The version of the installer's kernel, such as 6.12.107+deb13-amd64, by its modules' folder."""
    found = (re.match(r"(?:usr/)?lib/modules/([^/]+)/kernel", entry.name) for entry in base)
    return next(match[1] for match in found if match)


def _packages(archive: Archive, piece: Piece) -> Iterator[Path]:
    for pattern in piece.packages:
        for about in archive.about(pattern):
            yield archive.package(about["Package"])


def _files(package: Path, wanted: str) -> Iterator[Entry]:
    with contents(package) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if not re.fullmatch(wanted, name):
                continue
            if member.issym():
                yield Entry(name, cpio.LINK | 0o777, member.linkname.encode())
            elif data := tar.extractfile(member) if member.isfile() or member.islnk() else None:
                yield cpio.file(name, data.read(), member.mode)


def _stanza(about: dict[str, str]) -> str:
    """A component in the installer's list of what it has; without its dependencies, which came with it."""
    kept = ("Version", "Provides", "Description")
    lines = [f"Package: {about['Package']}", "Status: install ok unpacked"]
    return "\n".join([*lines, *(f"{name}: {about[name]}" for name in kept if about.get(name))]) + "\n"
