"""What becomes of a cloud image in its clean root: a plain disk, or one clear error; its script is run as it is."""

import gzip
import os
import shutil
import subprocess
from importlib.resources import files

import pytest

SCRIPT = (files("runbook.builds") / "cloud_image.sh").read_text(encoding="utf-8")
DISK = os.urandom(510) + b"\x55\xaa" + os.urandom(4096 * 4 - 512)

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="needs qemu-img (qemu-utils)")


@pytest.fixture
def work(tmp_path):
    for name in ("sources", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "disk").write_bytes(DISK)
    return tmp_path


def make(work, *argv):
    """Make the image by qemu-img, then run the script as the build does."""
    if argv:
        subprocess.run(["qemu-img", *argv], cwd=work, check=True, capture_output=True)
    return subprocess.run(["sh", "-euc", SCRIPT], cwd=work, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_a_whole_image_becomes_a_plain_disk(work, form):
    """Both formats give the same disk to the byte, with its size beside it."""
    done = make(work, "convert", "-f", "raw", "-O", form, "disk", "sources/image")
    assert done.returncode == 0, done.stderr
    assert gzip.decompress((work / "out/disk.raw.gz").read_bytes()) == DISK
    assert (work / "out/disk.bytes").read_text() == f"{len(DISK)}\n"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (
            ["create", "-f", "qcow2", "-F", "raw", "-b", "/etc/hostname", "sources/image", "1M"],
            "stands on another file",
        ),
        (
            ["create", "-f", "qcow2", "-o", "data_file=other.raw", "sources/image", "1M"],
            "stands on another file",
        ),
        (["create", "-f", "vdi", "sources/image", "1M"], "of the format vdi"),
        (["create", "-f", "qcow2", "sources/image", "1M"], "no boot sector"),
    ],
)
def test_what_reads_other_files_or_starts_nothing_is_one_error(work, argv, why):
    """An image that names a file of this machine, an odd format, an empty disk: nothing is left in `out`."""
    done = make(work, *argv)
    assert done.returncode == 1
    assert why in done.stderr
    assert done.stderr.startswith("E: ")
    assert list((work / "out").iterdir()) == []


def test_a_page_in_its_place_is_an_error(work):
    """What a server sent in place of an image is a raw image to qemu-img, and no disk."""
    (work / "sources/image").write_text("<html>Not found</html>")
    assert "no boot sector" in make(work).stderr
