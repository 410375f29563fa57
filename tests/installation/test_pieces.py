"""What a mirror lacks is taken from ordinary packages, and is put where the installer looks."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from runbook.controller.apt_sources import AptSource
from runbook.errors import RunbookError
from runbook.installation import cpio, pieces
from runbook.installation.archive import Archive, contents, fields, lines
from runbook.installation.cpio import Entry

KERNEL = "6.12.107+deb13-amd64"
STATUS = (
    b"Package: anna\nStatus: install ok unpacked\nVersion: 1.99\n\nPackage: libblkid1-udeb\nVersion: 2.41\n"
)
BASE = [
    Entry("lib", cpio.LINK | 0o777, b"usr/lib"),
    Entry("sbin", cpio.LINK | 0o777, b"usr/sbin"),
    *(
        Entry(name, cpio.FOLDER | 0o755)
        for name in ("usr", "usr/lib", "usr/sbin", "var", "var/lib", "var/lib/dpkg")
    ),
    cpio.file(f"usr/lib/modules/{KERNEL}/kernel/fs/fat/vfat.ko.xz", b"x"),
    cpio.file("var/lib/dpkg/status", STATUS),
]
FILES = {
    "e2fsprogs": {"usr/sbin/mke2fs": b"program", "usr/share/doc/x": b"no", "etc/mke2fs.conf": b"conf"},
    "libext2fs2t64": {"usr/lib/x86_64-linux-gnu/libext2fs.so.2": b"lib"},
    "libmount1": {"usr/lib/x86_64-linux-gnu/libmount.so.1": b"lib"},
    f"linux-image-{KERNEL}": {
        f"usr/lib/modules/{KERNEL}/kernel/fs/ext4/ext4.ko.xz": b"ext4",
        f"usr/lib/modules/{KERNEL}/kernel/fs/mbcache.ko.xz": b"mbcache",
        f"usr/lib/modules/{KERNEL}/kernel/drivers/nvme/host/nvme.ko.xz": b"nvme",
        f"usr/lib/modules/{KERNEL}/kernel/sound/snd.ko.xz": b"no",
        f"boot/vmlinuz-{KERNEL}": b"no",
    },
}
UDEBS = ("e2fsprogs-udeb", "libmount1-udeb", "ntfs-3g-udeb", "xfsprogs-udeb")
MODULES = tuple(f"{kind}-modules-{KERNEL}-di" for kind in ("ext4", "md"))


class Shelf(Archive):
    """An archive that lists everything and carries what is in `there` and the ordinary packages."""

    def __init__(self, folder: Path, there: tuple[str, ...]) -> None:
        super().__init__(folder, ())
        self.there = there

    def package(self, name: str) -> Path:
        if name in self.there:
            return self.folder / f"{name}.udeb"
        if name not in FILES:
            raise RunbookError("404")
        return deb(self.folder, name, FILES[name])

    def about(self, pattern: str) -> list[dict[str, str]]:
        listed = [*UDEBS, *MODULES, *FILES]
        return [
            {"Package": n, "Version": "1", "Provides": n.split("-6.")[0], "Depends": "something-udeb"}
            for n in listed
            if re.fullmatch(pattern, n)
        ]


def deb(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    """Make a real package with Debian's own tool."""
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (root / "DEBIAN/control").write_text(
        "Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\nDescription: x\n"
    )
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    out = folder / f"{name}.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", root, out], check=True, stdout=subprocess.DEVNULL
    )
    return out


def complete(tmp_path, there=()):
    said: list[str] = []
    return pieces.complete(Shelf(tmp_path, there), BASE, said.append), said


def test_a_mirror_that_has_everything_is_left_alone(tmp_path):
    """Nothing is added, nothing is said."""
    done, said = complete(tmp_path, (*UDEBS, *MODULES))
    assert (done, said) == (pieces.Completion(), [])


def test_a_mirror_that_lacks_pieces_gets_them_from_packages(tmp_path):
    """Programs, libraries and modules are there; documents, other modules and the kernel itself are not."""
    done, said = complete(tmp_path)
    names = {entry.name for entry in done.entries}
    assert names == {
        "usr/sbin/mke2fs",
        "etc/mke2fs.conf",
        "usr/lib/x86_64-linux-gnu/libext2fs.so.2",
        "usr/lib/x86_64-linux-gnu/libmount.so.1",
        f"usr/lib/modules/{KERNEL}/kernel/fs/ext4/ext4.ko.xz",
        f"usr/lib/modules/{KERNEL}/kernel/fs/mbcache.ko.xz",
        f"usr/lib/modules/{KERNEL}/kernel/drivers/nvme/host/nvme.ko.xz",
        "var/lib/dpkg/status",
    }
    assert done.has_modules
    assert done.names == (*UDEBS, *MODULES)
    assert len(said) == 5


def test_what_stands_in_is_noted_as_installed(tmp_path):
    """The installer keeps its own list and finds the pieces in it, without wishes of their own."""
    done, _ = complete(tmp_path, MODULES)
    status = next(entry.data for entry in done.entries if entry.name == "var/lib/dpkg/status").decode()
    assert status.startswith(STATUS.decode())
    stanzas = [fields(stanza) for stanza in status.strip().split("\n\n")]
    assert [s["Package"] for s in stanzas] == ["anna", "libblkid1-udeb", *UDEBS]
    assert stanzas[2]["Status"] == "install ok unpacked"
    assert not any("Depends" in stanza for stanza in stanzas)
    assert not done.has_modules


def test_names_go_through_the_installers_links():
    """A folder `lib` in place of the link `lib` would hide all the libraries, and nothing would start."""
    added = [
        cpio.file("lib/x86_64-linux-gnu/libmount.so.1", b""),
        cpio.file("lib/a", b""),
        cpio.file("etc/b", b""),
    ]
    placed = pieces.beside(BASE, added)
    assert [entry.name for entry in placed] == [
        "etc",
        "usr/lib/x86_64-linux-gnu",
        "usr/lib/x86_64-linux-gnu/libmount.so.1",
        "usr/lib/a",
        "etc/b",
    ]


def test_no_folder_that_is_there_is_written_again():
    """A folder of the installer keeps its mode."""
    placed = pieces.beside(BASE, [cpio.file("var/lib/dpkg/status", b"")])
    assert [entry.name for entry in placed] == ["var/lib/dpkg/status"]


def test_links_and_hard_links_of_a_package_are_followed(tmp_path):
    """mkfs.ext4 is mke2fs by another name."""
    package = deb(tmp_path, "x", {"sbin/mke2fs": b"program"})
    (tmp_path / "x/sbin/mkfs.ext4").symlink_to("mke2fs")
    (tmp_path / "x/sbin/mkfs.ext3").hardlink_to(tmp_path / "x/sbin/mke2fs")
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tmp_path / "x", package],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = {entry.name: entry for entry in pieces._files(package, r"sbin/mk.*")}
    assert found["sbin/mkfs.ext4"] == Entry("sbin/mkfs.ext4", cpio.LINK | 0o777, b"mke2fs")
    assert found["sbin/mkfs.ext3"].data == b"program"


def test_a_package_that_is_damaged_is_said_by_name(tmp_path):
    """A download that was cut off is named, and what to do."""
    (tmp_path / "x.deb").write_bytes(b"!<arch>\n")
    with pytest.raises(RunbookError, match=r"x\.deb cannot be unpacked"):
        contents(tmp_path / "x.deb")


def test_the_installers_components_stand_beside_the_packages():
    """Only the release itself has them, not its updates."""
    source = AptSource(("http://mirror.example/debian",), ("trixie", "trixie-updates"), ("main",))
    assert [line.partition("] ")[2] for line in lines([source])] == [
        "http://mirror.example/debian trixie main",
        "http://mirror.example/debian trixie main/debian-installer",
        "http://mirror.example/debian trixie-updates main",
    ]


class Mirror(Archive):
    """A mirror whose list of components is whole under some names of the release only."""

    def __init__(self, folder: Path, whole: tuple[str, ...], codename: str = "trixie") -> None:
        super().__init__(folder, [AptSource(("http://mirror.example/debian",), ("trixie",), ("main",))])
        self.whole, self.codename = whole, codename

    def _apt(self, what: str, *argv: str, folder: Path | None = None) -> str:
        written = (self.folder / "sources.list").read_text()
        name = next(line.split()[-2] for line in written.splitlines() if "installer" in line)
        if name not in self.whole:
            raise RunbookError(f"{name} has unexpected size")
        release = self.folder / f"state/lists/mirror.example_debian_dists_{name}_InRelease"
        release.write_text(f"Suite: {name}\nCodename: {self.codename}\n")
        return ""


def test_a_whole_mirror_is_taken_as_it_is(tmp_path):
    """The release's own name comes first."""
    assert Mirror(tmp_path, ("trixie", "stable")).update("stable") == ""


def test_components_may_come_under_the_releases_other_name(tmp_path):
    """A mirror that is being brought up to date has the list whole under one of the two names."""
    assert Mirror(tmp_path, ("stable",)).update("stable") == "stable"


@pytest.mark.parametrize(("whole", "other"), [((), "stable"), (("stable",), "")])
def test_without_a_whole_list_apts_first_words_are_said(tmp_path, whole, other):
    """What is wrong with the release's own name is what the person has to know."""
    with pytest.raises(RunbookError, match="trixie has unexpected size"):
        Mirror(tmp_path, whole).update(other)


def test_the_other_name_of_another_release_is_not_taken(tmp_path):
    """Once `stable` is the next release, its components would not fit."""
    with pytest.raises(RunbookError, match="trixie has unexpected size"):
        Mirror(tmp_path, ("stable",), "forky").update("stable")


def test_a_tar_of_a_package_is_read_without_unpacking(tmp_path):
    """Nothing is written; the archive's names begin with ./"""
    with contents(deb(tmp_path, "x", {"a": b"1"})) as tar:
        assert isinstance(tar, tarfile.TarFile)
        assert (tar.extractfile("./a") or io.BytesIO()).read() == b"1"
