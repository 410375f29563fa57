"""The picture of a disk: to scale, in two forms that say the same."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from runbook.model.ask import Facts
from runbook.show import bars, disk
from runbook.show.bars import Bar, Piece
from runbook.show.tables import show
from runbook.steps.debian_installation import STEPS
from tests.steps.disk_machine import GIB, Machine, Part, params
from tests.steps.machine import carry

SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
NS = "{http://www.w3.org/2000/svg}"


def facts(machine: Machine) -> Facts:
    return machine.facts(disk.asks(params()))


def partitioned() -> Machine:
    machine = Machine()
    for step in STEPS[:4]:
        carry(machine, step, params())  # type: ignore[arg-type]
    return machine


def widths(svg: str) -> list[float]:
    return [float(rect.attrib["width"]) for rect in ET.fromstring(svg).iter(f"{NS}rect")]


def test_picture_is_to_scale() -> None:
    """Each piece is as wide as its share of the disk; what is too small to see is still drawn."""
    bar = Bar(
        "/dev/sda",
        "gpt",
        1000,
        (Piece("a", "", 250, "boot"), Piece("b", "", 749, "group"), Piece("c", "", 1, "other")),
    )
    drawn = widths(SVG.findall(bars.draw("Now", (bar,)).html)[0])
    assert [round(w / bars.WIDE, 3) for w in drawn[:2]] == [0.25, 0.749]
    assert drawn[2] == 1.5


def test_text_is_to_scale() -> None:
    """In plain text a quarter of the disk is a quarter of the line, and everything has a column at least."""
    pieces = (Piece("a", "", 25, "boot"), Piece("", "free", 50, "free"), Piece("b", "", 25, "group"))
    line = bars.draw("Now", (Bar("d", "gpt", 100, pieces),)).text.splitlines()[2].strip(" []")
    assert line == "1" * 18 + "." * 36 + "2" * 18
    small = (Piece("a", "", 1, "boot"), Piece("b", "", 9999, "group"))
    assert bars.draw("Now", (Bar("d", "gpt", 10000, small),)).text.splitlines()[2].strip(" []")[0] == "1"


def test_empty_disk_and_what_becomes_of_it() -> None:
    """Before an installation there are two pictures: the empty disk, and what the parameters make of it."""
    shown = show("disk", params(), facts(Machine()))
    assert len(SVG.findall(shown.html)) == 2
    now, asked = shown.text.split("\n\n")
    assert "no partition table" in now
    assert "100.0 GiB, empty" in now
    assert "4  system: 60.0 GiB, volume group xen" in asked
    assert "varlog: 4.0 GiB, /var/log" in asked


def test_partitioned_disk_is_shown_once() -> None:
    """A disk that has its partitions is shown as it is, with both groups below it."""
    shown = show("layout", params(), facts(partitioned()))
    assert len(SVG.findall(shown.html)) == 1
    assert [bar.name for bar in disk.present(disk.target.read(params(), facts(partitioned())).storage, "/dev/vda")] == [
        "/dev/vda", "guests", "xen"
    ]  # fmt: skip
    assert "root: 20.0 GiB, ext4 /mnt/target" in shown.text


def test_picture_has_a_text_alternative() -> None:
    """The drawing is one image to a screen reader, with everything in its title, and a table beside it."""
    shown = show("disk", params(), facts(partitioned()))
    drawing = ET.fromstring(SVG.findall(shown.html)[0])
    title = drawing.find(f"{NS}title")
    assert drawing.attrib["role"] == "img"
    assert title is not None
    assert title.text
    for word in ("/dev/vda", "volume group xen", "varlog: 4.0 GiB", "12.0 GiB, free"):
        assert word in title.text
    assert shown.html.count("<tr>") == 1 + 4 + 6 + 1


def test_picture_takes_the_pages_colours() -> None:
    """Text and lines have the colour of the page around them, light or dark."""
    drawing = SVG.findall(show("disk", params(), facts(partitioned())).html)[0]
    assert 'fill="currentColor"' in drawing
    assert not re.findall(r'fill="(?:black|white|#)', drawing)


def test_names_from_the_disk_are_escaped() -> None:
    """A partition's name is somebody else's text, and no part of the page."""
    machine = Machine(parts={"/dev/vda1": Part(50 * GIB, "ext4", GIB, "", "<b>x")})
    html = show("disk", params(), facts(machine)).html
    assert "<b>x" not in html
    assert "&lt;b&gt;x" in html


def test_free_room_between_partitions_is_drawn() -> None:
    """A hole in the table is shown as free; a MiB for alignment is not."""
    parts = {"/dev/vda1": Part(GIB, "vfat", 2**20), "/dev/vda2": Part(GIB, "ext4", 10 * GIB)}
    bar = disk.present(disk.target.read(params(), facts(Machine(parts=parts))).storage, "/dev/vda")[0]
    assert [p.kind for p in bar.pieces] == ["boot", "free", "boot", "free"]


def test_disk_of_the_root_is_shown_where_the_parameters_name_none() -> None:
    """When the host has no disk of that name, the one that it runs from is shown."""
    machine = Machine(parts={"/dev/vda1": Part(GIB, "ext4", GIB)}, mounts={"/": ("/dev/vda1", "ext4", "rw")})
    asked = params(disk="/dev/sda", method="none")
    assert "/dev/vda: 100.0 GiB" in show("disk", asked, machine.facts(disk.asks(asked))).text


def test_host_without_a_disk() -> None:
    """A host without any disk gets a sentence instead of a picture."""
    asked = params(disk="/dev/sda")
    assert "no disk" in show("disk", asked, Machine(kind="rom").facts(disk.asks(asked))).text
