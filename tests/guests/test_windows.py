"""Windows' answer file and the disc that holds it: what setup is told, and what is refused before a disc is made."""

import subprocess
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.errors import Refused
from runbook.guests.windows import DRIVERS, Answers, answer_file, commands
from runbook.installation import windows_disc
from tests.facts.test_discs import SECTOR, iso

SPACE = {"u": "urn:schemas-microsoft-com:unattend"}
GIVEN = Answers(computer="GAMES", edition="Windows 11 Pro", user="ana", password="correct<horse>&\"'")
SIGNED = b"\x30\x82\x01\x00" + b"\x06\x09\x2a" + b"signature"
PARAMS = """
host: box
connection: {kind: ssh, to: box}
guests:
  - {name: games, os: windows, memory_mib: 4096, firmware: uefi, volume: {name: games, size_gib: 80}}
  - {name: web, memory_mib: 512}
"""
#: A stand-in for xorrisofs: a tar of what it was given.
MAKER = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
exec tar -cf "$2" -C "$3" .
"""


def texts(answers, path):
    return [one.text for one in xml.fromstring(answer_file(answers)).iterfind(f".//{path}", SPACE)]


@pytest.mark.parametrize(
    ("firmware", "kinds", "at"),
    [("uefi", ["EFI", "MSR", "Primary"], "3"), ("bios", ["Primary", "Primary"], "2")],
)
def test_the_disk_is_laid_out_for_the_firmware(firmware, kinds, at):
    """UEFI wants an EFI partition, a BIOS an active one; Windows goes onto the last."""
    given = Answers(computer="G", edition="W", user="a", password="b", firmware=firmware)
    assert texts(given, "u:CreatePartition/u:Type") == kinds
    assert texts(given, "u:InstallTo/u:PartitionID") == [at]
    assert texts(given, "u:Active") == (["true"] if firmware == "bios" else [])


def test_what_a_person_gives_stays_text():
    """Signs of XML in a password are its letters, and the file is read as what was given."""
    assert texts(GIVEN, "u:LocalAccount/u:Password/u:Value") == [GIVEN.password]
    assert texts(GIVEN, "u:MetaData/u:Value") == ["Windows 11 Pro"]
    assert "correct" not in repr(GIVEN)


def test_only_who_asks_passes_over_the_tpm():
    """Setup's demands are left alone unless somebody says otherwise; the key is asked for unless it is given."""
    assert "LabConfig" not in answer_file(GIVEN)
    bare = Answers(computer="G", edition="W", user="a", password="b", without_tpm=True, key="AAAAA-BBBBB")
    assert answer_file(bare).count("LabConfig") == 2
    assert texts(bare, "u:ProductKey/u:Key") == ["AAAAA-BBBBB"]
    assert texts(GIVEN, "u:ProductKey/u:Key") == []


def test_the_first_log_in_gives_it_drivers_and_a_clean_end():
    """Xen's drivers are installed, the power button shuts down, and a shut-down is a whole one."""
    assert texts(GIVEN, "u:SynchronousCommand/u:CommandLine") == list(commands())
    said = "\n".join(commands())
    assert "pnputil /add-driver" in said
    assert "pbuttonaction 3" in said
    assert "/hibernate off" in said


def packages(folder, *, encoding="latin-1", signed=SIGNED, without=()):
    """Lay out Xen's driver packages as their releases have them."""
    for name in DRIVERS:
        for arch in ("x64", "x86"):
            there = folder / name / arch
            there.mkdir(parents=True)
            (there / f"{name}.inf").write_text(f"[Version]\nCatalogFile={name}.cat\n", encoding=encoding)
            (there / f"{name}.sys").write_bytes(b"MZ")
            (there / f"{name}.pdb").write_bytes(b"large")
            (there / f"{name}.cat").write_bytes(signed)
    for path in without:
        (folder / path).unlink()
    return folder


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_the_64_bit_drivers_are_found(tmp_path, encoding):
    """One folder each, whatever the .inf is written in."""
    found = windows_disc.drivers(packages(tmp_path, encoding=encoding))
    assert [(d.name, d.folder.name) for d in found] == [(name, "x64") for name in DRIVERS]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (
            {"without": ["xenvbd/x64/xenvbd.inf", "xenvbd/x86/xenvbd.inf"]},
            "0 drivers of the name xenvbd are in",
        ),
        ({"without": ["xenvif/x64/xenvif.sys"]}, "The driver xenvif is not whole"),
        ({"without": ["xenbus/x64/xenbus.cat"]}, "The driver xenbus is not whole"),
        ({"signed": b"\x30\x82\x01\x00\x31\x00"}, "The driver xenbus is not signed"),
        ({"signed": b"-----BEGIN"}, "The driver xenbus is not signed"),
    ],
)
def test_drivers_that_windows_would_not_take_are_refused(tmp_path, values, what):
    """Missing, not whole, not signed: said before a disc is made."""
    with pytest.raises(Refused) as caught:
        windows_disc.drivers(packages(tmp_path, **values))
    assert caught.value.what.startswith(what)


class TestCommand:
    """`runbook guest answers`."""

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/xorrisofs").write_text(MAKER)
        (tmp_path / "bin/xorrisofs").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
        monkeypatch.setenv("WINDOWS_PASSWORD", "correct horse battery")
        (tmp_path / "box.yml").write_text(PARAMS)
        packages(tmp_path / "drivers")

        def call(*more, name="games"):
            words = [
                "--drivers",
                "drivers",
                "--into",
                "answers.iso",
                "--edition",
                "Windows 11 Pro",
                "--user",
                "ana",
            ]
            argv = ["guest", "answers", "box.yml", name, *words, "--password", "env:WINDOWS_PASSWORD", *more]
            return CliRunner().invoke(main, argv)

        monkeypatch.chdir(tmp_path)
        return call

    def test_the_disc_holds_answers_and_drivers_and_is_closed(self, run, tmp_path):
        """One file, for its owner alone; debug files stay behind, and nothing half-made lies beside it."""
        done = run("--without-tpm")
        assert done.exit_code == 0, done.output
        assert "correct horse" not in done.output
        out = tmp_path / "answers.iso"
        assert out.stat().st_mode & 0o777 == 0o600
        listed = subprocess.run(
            ["tar", "-tf", out], capture_output=True, text=True, check=True
        ).stdout.split()
        assert "./autounattend.xml" in listed
        assert "./xen-drivers/xenvbd/xenvbd.sys" in listed
        assert not [name for name in listed if name.endswith(".pdb")]
        assert not list(tmp_path.glob(".answers*"))
        assert not list(tmp_path.glob("runbook-disc-*"))

    def test_a_wrong_or_cut_windows_disc_is_one_clear_error(self, run, tmp_path):
        """A whole one is taken; a cut one, another system's and a page are refused, and no disc is made."""
        whole = iso(20, b"CCCOMA_X64", udf=600)
        for data, why in (
            (whole[: 500 * SECTOR], "it is cut off"),
            (iso(400), "it is the disc 'DEBIAN'"),
            (b"<html>", "no file system of a disc"),
        ):
            (tmp_path / "win.iso").write_bytes(data)
            done = run("--media", "win.iso")
            assert done.exit_code == 3
            assert why in done.output
            assert not (tmp_path / "answers.iso").exists()
        (tmp_path / "win.iso").write_bytes(whole)
        assert run("--media", "win.iso").exit_code == 0

    def test_another_guest_is_refused(self, run):
        """The guests that run Windows are named."""
        done = run(name="web")
        assert "those are: games" in done.output

    def test_a_maker_that_fails_leaves_nothing(self, run, tmp_path):
        """The disc has its name only when it is whole."""
        (tmp_path / "bin/xorrisofs").write_text("#!/bin/sh\necho 'no space left' >&2\nexit 5\n")
        done = run()
        assert done.exit_code == 1
        assert "no space left" in done.output
        assert not list(tmp_path.glob("*answers*"))
