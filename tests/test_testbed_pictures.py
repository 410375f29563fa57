"""Pictures of the virtual PC: how it is started for them, and that the notebooks carry those that are kept."""

import base64
import json
from pathlib import Path

import pytest

from runbook.testbed import hardware, pictures, qemu
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine

ROOT = Path(__file__).parents[1]
LARGEST = 60_000


def attached():
    """Yield notebook, name and content of each picture that a cell carries, and whether its prose shows it."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for name, data in cell.get("attachments", {}).items():
                shown = f"](attachment:{name})" in "".join(cell["source"])
                yield path.name, name, base64.b64decode(data["image/png"]), shown


def test_notebooks_carry_the_pictures_that_are_kept():
    """Each attached picture is shown, is that of docs/images to the byte, and is small."""
    found = list(attached())
    assert {name for _, name, _, _ in found} >= {"pc-firmware.png", "pc-grub.png"}
    for notebook, name, data, shown in found:
        assert shown, (notebook, name)
        assert data == (ROOT / "docs/images" / name).read_bytes(), (notebook, name)
        assert len(data) < LARGEST


def test_a_new_picture_takes_the_old_ones_place(tmp_path):
    """Cells that have one of that name attached get it, and no other file is written."""
    for name in ("01_uefi", "02_debian_installation"):
        (tmp_path / f"{name}.ipynb").write_bytes((ROOT / f"notebooks/{name}.ipynb").read_bytes())
    before = (tmp_path / "02_debian_installation.ipynb").read_bytes()
    new = tmp_path / "pc-firmware.png"
    new.write_bytes(b"\x89PNG new")
    assert [path.name for path in pictures.renew(tmp_path, new)] == ["01_uefi.ipynb"]
    assert base64.b64encode(b"\x89PNG new") in (tmp_path / "01_uefi.ipynb").read_bytes()
    assert (tmp_path / "02_debian_installation.ipynb").read_bytes() == before


def test_the_machine_has_a_screen_then_and_its_disks_stay_as_they_are():
    """QEMU takes the last of two -vga, and -snapshot throws away what is written; every other word is the testbed's."""
    plain, screen = qemu.command(hardware.MACHINE), qemu.command(pictures.SCREEN)
    assert screen[: len(plain)] == plain
    assert screen[len(plain) :][:3] == ["-vga", "std", "-snapshot"]


def test_a_machine_that_is_on_or_not_there_is_told_of(tmp_path):
    """No picture is taken of it, and the next move says how there is one."""
    with pytest.raises(TestbedError, match="no machine to take pictures of"):
        next(pictures.take(Machine(tmp_path), tmp_path / "out", print))
