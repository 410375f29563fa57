"""What the proof of upgrades makes: hypervisors that are another or hang, packages that apt takes for newer ones."""

import shutil
import struct
import subprocess

import pytest

from runbook.errors import CheckFailed
from runbook.params import load
from runbook.testbed import newer, upgrades
from runbook.testbed.acceptance import PARAMS

START, OFFSET, EFI, BIOS = 0x200000, 0x80, 0x200100, 0x200040
BUILD = bytes(range(20))


def image() -> bytes:
    """Return a small hypervisor: an ELF of one segment, a Multiboot2 header with an entry for EFI, and a build id."""
    tags = struct.pack("<HHII", 9, 1, 12, EFI) + bytes(4) + struct.pack("<HHI", 0, 0, 8)
    header = struct.pack("<IIII", 0xE85250D6, 0, 16 + len(tags), 0) + tags
    head = b"\x7fELF" + bytes(20) + struct.pack("<II", BIOS, 52) + bytes(20)
    segment = struct.pack("<IIII", 1, OFFSET, START, START)
    first = (head + segment).ljust(OFFSET, b"\0")
    return first + (header.ljust(0x80, b"\x90") + bytes(0x100) + BUILD).ljust(0x400, b"\x90")


def test_a_hypervisor_that_hangs_hangs_at_both_entries():
    """The firmware's entry and the BIOS's are a jump to themselves, and nothing else is changed."""
    before, after = image(), newer.hanging(image())
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    places = [address - START + OFFSET for address in (BIOS, EFI)]
    assert changed == sorted(place + i for place in places for i in range(2))
    assert [after[place : place + 2] for place in places] == [b"\xeb\xfe"] * 2


def test_the_hypervisor_that_hangs_is_another_than_the_running_one(monkeypatch):
    """What is offered in the first case tells another build, or nothing would be started; the id is none that stands anywhere."""
    offered = []
    monkeypatch.setattr(
        newer, "offer_hypervisor", lambda machine, known, image, version: offered.append(image)
    )
    monkeypatch.setattr(upgrades.Proof, "_version", lambda self, number: str(number))
    monkeypatch.setattr(upgrades.Proof, "_upgrade", lambda *_: None)
    monkeypatch.setattr(upgrades.Proof, "_old_pair", lambda *_: None)
    known = newer.Hypervisor("xen", "/boot/xen.gz", image())
    upgrades.Proof(None, "", build=BUILD.hex())._hangs(known)
    (sent,) = offered
    assert BUILD not in sent
    assert sent.count(b"\xeb\xfe") == 2
    at = image().index(BUILD)
    assert bytes(15) not in newer.another(image(), BUILD, 1)[at : at + len(BUILD)]


def test_another_hypervisor_differs_by_its_build_id():
    """It tells another build; one whose build stands in it twice, or never, is none to make another of."""
    other = newer.another(image(), BUILD, 3)
    assert BUILD not in other
    assert len(other) == len(image())
    with pytest.raises(CheckFailed, match="once"):
        newer.another(image() + BUILD, BUILD, 3)


@pytest.mark.parametrize("release", ["trixie", "bookworm"])
def test_the_proofs_parameters_agree_to_an_upgrade(tmp_path, release):
    """They are the machine's own, with consent to the three steps that need it."""
    params = load(upgrades.agreed(tmp_path, PARAMS[release]))
    assert set(upgrades.CONSENT) <= set(params.consent)
    assert params.guests == load(PARAMS[release]).guests


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb makes the packages")
def test_a_package_is_made_that_apt_takes_for_newer(tmp_path):
    """The scripts that the machine runs make a package with the version asked for, and an index that names its sum."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    told = "Package: linux-image-amd64\\nVersion: 6.99.0-1\\nArchitecture: amd64\\nMaintainer: a b\\nProvides: \\n"
    (bin_ / "dpkg-query").write_text(f"#!/bin/sh\nprintf '{told}Depends: linux-image-{newer.KERNEL}\\n'\n")
    (bin_ / "apt-get").write_text("#!/bin/sh\n")
    for file in bin_.iterdir():
        file.chmod(0o755)
    folder = tmp_path / "newer"
    (folder / "tree/DEBIAN").mkdir(parents=True)
    script = f"set -- linux-image-amd64 6.99.0-1 linux-image-{newer.KERNEL}\n{newer._PACK}{newer._INDEX}"
    script = script.replace(newer.FOLDER, str(folder)).replace("/etc/apt/sources.list.d", str(tmp_path))
    env = {"PATH": f"{bin_}:/usr/bin:/bin"}
    subprocess.run(["sh", "-s"], input=script, text=True, check=True, env=env)
    index = (folder / "Packages").read_text()
    assert "Version: 6.99.0-1\n" in index
    assert f"Depends: linux-image-{newer.KERNEL}\n" in index
    assert "Provides" not in index
    assert "Filename: ./linux-image-amd64_6.99.0-1.deb\n" in index
    assert "SHA256: " in index


def test_without_a_finished_machine_it_says_what_makes_one(tmp_path, monkeypatch):
    """There is nothing to upgrade before an acceptance."""
    from runbook.testbed import TestbedError

    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path / "none"))
    with pytest.raises(TestbedError, match="no checkpoint of a finished machine"):
        upgrades.main()
