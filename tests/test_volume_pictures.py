"""The picture of disks within disks, its text alternative, and the table below it."""

import xml.etree.ElementTree as ET

import pytest

from runbook.params.host import Storage
from runbook.show import nested, tables, volumes
from runbook.show.nested import Box
from runbook.steps.management import look_inside_volumes
from tests.steps.volumes_host import GIB, Disk, Host, params

SVG = "{http://www.w3.org/2000/svg}"


def shown(host):
    """Return what `book.show("volumes")` shows of a host."""
    return tables.show("volumes", params(), host.facts(look_inside_volumes, params()))


def picture(host):
    """Return the picture as a tree of elements."""
    html = shown(host).html
    return ET.fromstring(html[: html.index("</svg>") + 6])


def test_every_floor_is_told_in_order():
    """The text goes from the host's disk through group and volume to the guest's partitions."""
    lines = shown(Host()).text.splitlines()
    assert lines[0] == "the host's /dev/vdb, 8.0 GiB"
    assert lines[1] == "  volume group guests, 8.0 GiB"
    assert "    volume guests/comm: the disk of 'comm', 1.0 GiB" in lines
    at = lines.index("    volume guests/windows: the disk of 'windows', 2.0 GiB")
    assert lines[at + 1 : at + 6] == [
        "      GPT, 1.0 MiB",
        "      1: vfat “SYSTEM 1”, 16.0 MiB",
        "      2: Microsoft reserved partition, 4.0 MiB",
        "      3: ntfs “Win: C”, 40.0 MiB",
        "      4: ntfs “Recovery”, 20.0 MiB",
    ]


def test_the_picture_is_an_image_with_words():
    """The SVG is well-formed, has a role, a title, and the whole text as its description."""
    root = picture(Host())
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Disks within disks on testbed"
    assert root.find(f"{SVG}desc").text.splitlines()[0] == "the host's /dev/vdb, 8.0 GiB"


def test_boxes_stay_within_their_boxes():
    """No rectangle leaves the picture, and labels with < and & do not break it."""
    host = Host()
    host.disks["a<b&c"] = Disk()
    root = picture(host)
    _, _, width, height = (float(n) for n in root.get("viewBox").split())
    for rect in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert x + w <= width + 0.1
        assert y + h <= height + 0.1


def test_a_larger_volume_is_wider_and_only_what_holds_data_has_a_ground():
    """Of two volumes in the group the larger is wider; boxes that hold others have no ground, and free room a broken line."""
    inner = (
        Box("a", 8 * GIB, (Box("data", 8 * GIB),)),
        Box("b", 4 * GIB),
        Box("free", 2 * GIB, is_free=True),
    )
    html = nested.drawing((Box("group", 14 * GIB, inner, is_stack=True),), "t", "d")
    group, first, data, second, free = ET.fromstring(html).iter(f"{SVG}rect")
    assert float(first.get("width")) == pytest.approx(2 * float(second.get("width")), rel=0.01)
    assert float(second.get("width")) == pytest.approx(2 * float(free.get("width")), rel=0.01)
    assert [box.get("fill") for box in (group, first, free)] == ["none"] * 3
    assert [box.get("fill") != "none" for box in (data, second)] == [True, True]
    assert [box.get("stroke-dasharray") is not None for box in (group, data, free)] == [False, False, True]


def test_boxes_of_one_size_are_of_one_width_and_each_in_them_can_be_read():
    """Volumes of 1 GiB are equally wide, whatever they are called; none of the boxes in them is narrower than its words need."""
    rects = [rect for rect in picture(Host()).iter(f"{SVG}rect") if rect.get("stroke-dasharray") is None]
    volumes_ = [box for box in rects if box.get("x") == "12.5" and box.get("height") == "70"]
    wide = [float(box.get("width")) for box in volumes_]
    assert len(wide) == 4
    assert wide[0] == wide[1] == wide[2] < wide[3]
    assert min(float(box.get("width")) for box in picture(Host()).iter(f"{SVG}rect")) >= 62


def test_the_table_says_who_has_what():
    """A mounted partition is in use, its neighbours are not; a running guest has all of its volume."""
    host = Host(mounts=[("windows", "/mnt/windows", "ro", 22020096)], running={"comm": "comm"})
    rows = volumes.rows(params(), host.facts(look_inside_volumes, params()))
    used = {(row["guest"], row["part"]): row["in use"] for row in rows}
    assert used["windows", "3"] == "mount /mnt/windows (read-only)"
    assert used["windows", "1"] == ""
    assert used["comm", "1"] == "guest comm"
    assert used["nginx", "–"] == ""


def test_a_snapshot_and_a_bad_table_are_named():
    """A snapshot is drawn beside its origin, and a table that cannot be trusted says so."""
    host = Host()
    host.disks["comm-monday"] = Disk("linux", attr="swi-a-s---", origin="comm", filled="1.00")
    host.disks["nginx"] = Disk("overlaps")
    text = shown(host).text
    assert "volume guests/comm-monday: a snapshot of comm, 1.0 GiB" in text
    assert "the disk of 'nginx', with a table that cannot be trusted" in text


def test_without_a_group_one_sentence_says_so():
    """A host without the guests' volume group has nothing to draw."""
    asked = params().model_copy(update={"storage": Storage(guest_volume_group="other")})
    said = tables.show("volumes", asked, Host().facts(look_inside_volumes, params()))
    assert said.text == "There is no volume group other on testbed."


@pytest.mark.parametrize(("sizes", "wide"), [([1, 1], [100, 100]), ([0], [200]), ([1, 1, 1, 1, 1], [40] * 5)])
def test_widths_fill_the_room(sizes, wide):
    """Boxes share the room by size; too many for their least width share it evenly."""
    assert nested.widths(sizes, 200) == wide


def test_the_same_host_gives_the_same_picture():
    """Two looks at one host give the same bytes, so that a committed notebook stays as it is."""
    assert shown(Host()).html == shown(Host()).html
    box = Box("a", GIB, (Box("b", 1), Box("c", GIB)))
    assert nested.drawing((box,), "t", "d") == nested.drawing((box,), "t", "d")
