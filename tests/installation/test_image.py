"""The image: a disk that UEFI starts from, with the host's answers inside, readable by nobody else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from runbook.controller.apt_sources import AptSource
from runbook.errors import ParamsError, Refused, RunbookError
from runbook.installation import cpio, image, stick
from runbook.params import HostParams
from tests.installation import test_pieces
from tests.installation.hosts import KEY, host
from tests.installation.test_pieces import BASE, MODULES, UDEBS, deb

pytestmark = pytest.mark.skipif(
    any(not image.shutil.which(tool, path=stick.search_path()) for tool in image.TOOLS),
    reason="the tools that make a disk are not here: " + ", ".join(sorted(set(image.TOOLS.values()))),
)
NETBOOT = image.NETBOOT.format(debian="13").removeprefix("./")
PACKAGES = {
    "debian-installer-13-netboot-amd64": {
        NETBOOT + "linux": b"kernel",
        NETBOOT + "initrd.gz": cpio.pack(BASE),
    },
    "grub-efi-amd64-bin": {"usr/share/doc/grub": b""},
    "grub-efi-amd64-unsigned": {image.GRUB.removeprefix("./"): b"grub"},
}


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """A mirror with tiny packages in place of the real ones."""

    class Tiny(test_pieces.Shelf):
        def __init__(self, folder: Path, sources) -> None:
            (tmp_path / "shelf").mkdir(exist_ok=True)
            super().__init__(tmp_path / "shelf", (*UDEBS, *MODULES))

        def update(self, otherwise: str = "") -> str:
            return ""

        def package(self, name: str) -> Path:
            return deb(self.folder, name, PACKAGES[name]) if name in PACKAGES else super().package(name)

        def about(self, pattern: str) -> list[dict[str, str]]:
            grub = [{"Package": name} for name in PACKAGES if re.fullmatch(pattern, name)]
            return grub or super().about(pattern)

    monkeypatch.setattr(image, "Archive", Tiny)
    monkeypatch.setattr(image, "own_sources", lambda release: SOURCES)
    monkeypatch.setattr(image, "mirror_options", lambda: (("Acquire::Check-Date", "false"),))


SOURCES = (
    AptSource(("http://own.example/debian/",), ("trixie", "trixie-updates"), ("main",)),
    AptSource(("http://own.example/debian-security",), ("trixie-security",), ("main",)),
)


def build(tmp_path: Path, params: HostParams) -> image.Image:
    return image.build(params, tmp_path / "out/host.img", tmp_path / "work", lambda text: None)


def inside(made: image.Image, name: str) -> bytes:
    return subprocess.run(
        ["mtype", "-i", f"{made.path}@@1M", f"::/{name}"], capture_output=True, check=True
    ).stdout


def answers(made: image.Image) -> dict[str, cpio.Entry]:
    return {entry.name: entry for entry in cpio.unpack(inside(made, "initrd.gz"))}


def test_the_image_boots_on_uefi(mirror, tmp_path):
    """A GPT with one EFI system partition, GRUB at the path of removable media, kernel and initrd."""
    made = build(tmp_path, host())
    table = json.loads(
        subprocess.run(
            ["sfdisk", "--json", made.path],
            capture_output=True,
            check=True,
            env={"PATH": stick.search_path()},
        ).stdout
    )["partitiontable"]
    (esp,) = table["partitions"]
    assert (table["label"], esp["start"], esp["name"]) == ("gpt", 2048, stick.NAME)
    assert esp["type"] == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    assert inside(made, "EFI/BOOT/BOOTX64.EFI") == b"grub"
    assert inside(made, "linux") == b"kernel"
    assert made.path.stat().st_size == made.size_mib * stick.MIB


def test_the_answers_are_appended_to_the_installers_own_initrd(mirror, tmp_path):
    """The installer's own files stay, then come the answers, the scripts and the keys."""
    found = answers(build(tmp_path, host()))
    assert found["lib"].data == b"usr/lib"
    assert b"partman-auto/disk string /dev/sda" in found["preseed.cfg"].data
    assert b"vgcreate guests" in found["runbook/late.sh"].data
    assert found["runbook/authorized_keys"].data.decode() == KEY + "\n"
    assert b"runbook-installer" in found["runbook/before_partitioning.sh"].data
    assert {"runbook", "runbook/early.sh"} <= set(found)


def test_the_controllers_own_source_is_the_mirror(mirror, tmp_path):
    """Without a mirror in the parameters: the controller's, its security source, and what its apt is told."""
    found = answers(build(tmp_path, host()))
    text = found["preseed.cfg"].data.decode()
    assert "mirror/http/hostname string own.example\n" in text
    assert "mirror/http/directory string /debian\n" in text
    assert "security_path string /debian-security\n" in text
    assert b"Acquire::Check-Date" in found["usr/lib/post-base-installer.d/60runbook"].data


def test_the_parameters_mirror_goes_first(mirror, tmp_path):
    """A mirror that was named is used, and nothing of the controller's own gets in."""
    found = answers(build(tmp_path, host(mirror="https://other.example/debian/")))
    assert b"mirror/https/hostname string other.example\n" in found["preseed.cfg"].data
    assert b"own.example" not in b"".join(entry.data for entry in found.values())
    assert "usr/lib/post-base-installer.d/60runbook" not in found


def test_the_hash_comes_from_its_reference_and_only_its_owner_reads_the_image(mirror, tmp_path, monkeypatch):
    """What the environment holds is in the answers, and the file's mode is 0600."""
    monkeypatch.setenv("ROOT_HASH", "$6$salt$" + "a" * 86)
    made = build(tmp_path, host(root_password_hash="env:ROOT_HASH"))
    assert b"root-password-crypted password $6$salt$aaa" in answers(made)["preseed.cfg"].data
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_a_plain_password_makes_no_image(mirror, tmp_path, monkeypatch):
    """The message names the reference, not what it holds."""
    monkeypatch.setenv("ROOT_HASH", "hunter2")
    with pytest.raises(ParamsError) as caught:
        build(tmp_path, host(root_password_hash="env:ROOT_HASH"))
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_without_a_key_there_is_no_image(mirror, tmp_path):
    """A host that nobody could log in to is not installed."""
    with pytest.raises(ParamsError, match="authorized_keys is empty"):
        build(tmp_path, host(authorized_keys=[]))


@pytest.mark.parametrize("method", ["none", "live"])
def test_a_host_that_is_installed_otherwise_gets_no_image(mirror, tmp_path, method):
    """Parameters that ask for another way, or for none, are not overruled by a command."""
    with pytest.raises(ParamsError, match=f"installation.method is '{method}'"):
        build(tmp_path, host(method=method))


def test_the_guides_own_release_is_refused(mirror, tmp_path):
    """wheezy is planned for study; nobody gets a medium that installs it."""
    with pytest.raises(Refused, match="to be studied"):
        build(tmp_path, host("wheezy"))


def test_the_image_is_never_written_over_a_device(mirror, tmp_path):
    """A disk named by mistake is not overwritten by making an image."""
    with pytest.raises(ParamsError, match="is no file"):
        image.build(host(), Path("/dev/null"), tmp_path, lambda text: None)


def test_missing_tools_are_named_with_their_packages(mirror, tmp_path, monkeypatch):
    """The message is the command that installs them."""
    monkeypatch.setattr(image.shutil, "which", lambda tool, path: None)
    with pytest.raises(RunbookError, match="apt-get install apt dosfstools dpkg fdisk mtools"):
        build(tmp_path, host())


def test_the_menu_says_what_it_will_do_before_it_does():
    """A person who left the stick in by mistake has ten seconds and another entry."""
    text = image.menu(host(disk="/dev/nvme0n1", domain="lan"))
    assert "set timeout=10" in text
    assert "'Install Debian on victory: /dev/nvme0n1 is overwritten'" in text
    assert "hostname=victory domain=lan --- quiet\n" in text
    assert "exit 1" in text
    assert "DEBIAN_FRONTEND" not in text


def test_on_a_serial_line_the_installer_speaks_in_plain_lines():
    """No screen(1), no windows: the console is a log that can be searched."""
    text = image.menu(host(kernel_options=["console=ttyS0,115200n8"]))
    assert "DEBIAN_FRONTEND=text TERM=dumb DEBCONF_DROP_TRANSLATIONS=1 hostname=victory" in text
    assert "--- console=ttyS0,115200n8 quiet\n" in text
