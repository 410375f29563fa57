"""Pictures of devices, network and budget: what they show, in words and in boxes that stay within them."""

import re
import xml.etree.ElementTree as ET

import pytest

from runbook import params as parameters
from runbook.show import bars, budget, network, pci_tree, tables
from tests.drift.recorded import ROOT, facts
from tests.survey.machines import Pci, devices, guest, params

SVG = "{http://www.w3.org/2000/svg}"
PORT, CARD, SOUND = "0000:00:01.0", "0000:03:00.0", "0000:03:00.1"


def finished():
    """Return the parameters and the answers of the recorded host at the end, under Xen with one guest running."""
    return parameters.load(ROOT / "params/example.yml"), facts()


def machine_mib():
    """Return the memory of the recorded host as Xen says it."""
    (said,) = [answer.out for ask, answer in facts().items() if ask.argv[-2:] == ("xl", "info")]
    return int(re.search(r"total_memory +: (\d+)", said)[1])


def picture(shown):
    """Return a picture as a tree of elements."""
    start = shown.html.index("<svg")
    return ET.fromstring(shown.html[start : shown.html.index("</svg>") + 6])


@pytest.mark.parametrize("what", [pci_tree, network, budget])
def test_a_picture_is_an_image_with_words_and_nothing_leaves_it(what):
    """Each is one well-formed image with a role and a title, and every box lies within it."""
    root = picture(what.show(*finished()))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text
    _, _, width, height = (float(n) for n in root.get("viewBox").split())
    boxes = list(root.iter(f"{SVG}rect"))
    assert len(boxes) > 3
    for rect in boxes:
        x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width + 0.1
        assert y + h <= height + 0.1


@pytest.mark.parametrize("what", [pci_tree, network])
def test_the_whole_picture_is_told_to_who_cannot_see_it(what):
    """The description of the image is the text that a terminal shows."""
    shown = what.show(*finished())
    assert picture(shown).find(f"{SVG}desc").text == shown.text


def test_devices_stand_below_their_bridge_with_group_and_holder():
    """A line says where a device hangs, what it shares its group with, and for whom it is meant."""
    machine = devices(
        Pci(PORT, code="060400", bus=3, group=1),
        Pci(CARD, "10de:1180", "030000", above=(PORT,), group=1),
        Pci(SOUND, "10de:0e0a", "040300", above=(PORT,), group=1),
        Pci("0000:00:1d.0", code="0c0320", group=8),
    )
    asked = params({"bdf": CARD, "id": "10de:1180"}, guests=(guest("games", CARD),))
    shown = pci_tree.show(asked, machine)
    assert shown.text.splitlines() == [
        "0000:00:01.0 PCI bridge: device 8086:10d3, IOMMU group 1 of 3 devices, no driver",
        "  0000:03:00.0 VGA compatible controller: device 10de:1180, IOMMU group 1 of 3 devices,"
        " no driver; meant for games",
        "  0000:03:00.1 Audio device: device 10de:0e0a, IOMMU group 1 of 3 devices, no driver",
        "0000:00:1d.0 USB controller: device 8086:10d3, IOMMU group 8, no driver",
    ]
    # Two boxes of groups, the first around three devices, and one of a holder for each device.
    assert [float(rect.get("height")) for rect in picture(shown).iter(f"{SVG}rect")][:2] == [74.0, 22.0]


def test_under_xen_each_device_is_with_its_holder():
    """A passed device is with its guest, a hidden one waits for the guest that is to have it, others are dom0's."""
    owners = {row.device.bdf: (row.owner, row.kind) for row in pci_tree.rows(*finished())}
    assert owners["0000:00:05.0"] == ("ipfire", "guest")
    assert owners["0000:00:06.0"] == ("waits for windows", "waits")
    assert owners["0000:00:03.0"] == ("dom0, by virtio-pci", "dom0")
    assert owners["0000:00:00.0"] == ("no driver", "nobody")


def test_cards_bridges_and_guests_are_joined_as_they_are():
    """A card leads to its bridge, the bridge to its guests, a passed card straight to its own guest."""
    asked, answers = finished()
    cards, bridges, guests = network.nodes(asked, answers)
    assert {node.key: node.leads for node in cards} == {
        "enp0s3": (("xenbr0", True),),
        "enp0s4": (("xenbr1", True),),
        "0000:00:05.0": (("guest ipfire", True),),
    }
    assert {node.key: node.leads for node in bridges} == {
        "xenbr0": (("guest ipfire", True),),
        "xenbr1": (
            ("guest ipfire", True),
            ("guest comm", False),
            ("guest nginx", False),
            ("guest windows", False),
        ),
    }
    assert [node.what for node in guests] == [
        "router and firewall, runs",
        "mail, files and chat, does not run",
        "web server, does not run",
        "multimedia and games, does not run",
    ]
    lines = len(list(picture(network.show(asked, answers)).iter(f"{SVG}polyline")))
    assert lines == 8


def test_what_is_only_asked_for_is_dashed():
    """Before anything is made, bridges are asked for, and the lines to them and to a passed card's guest are too."""
    asked = parameters.load(ROOT / "params/example.yml")
    answers = facts(_first_look())
    cards, bridges, _ = network.nodes(asked, answers)
    assert [(node.name, node.what) for node in bridges] == [("xenbr0", "asked for"), ("xenbr1", "asked for")]
    assert [(node.key, node.leads) for node in cards] == [
        ("enp0s3", (("xenbr0", False),)),
        ("enp0s4", (("xenbr1", False),)),
        ("enp0s5", (("guest ipfire", False),)),
    ]
    lines = list(picture(network.show(asked, answers)).iter(f"{SVG}polyline"))
    assert len(lines) == 8
    assert all(line.get("stroke-dasharray") for line in lines)


@pytest.mark.parametrize("name", ["pci_tree", "network", "budget"])
def test_a_cell_shows_each_by_its_name(name):
    """What `book.show` is asked for by name is the picture of the host's page."""
    assert tables.show(name, *finished()) == globals()[name].show(*finished())


def test_the_budget_gives_out_what_the_parameters_do():
    """The pieces of memory are the machine's whole memory, and processors are counted against threads."""
    asked, answers = finished()
    memory, processors = budget.bars(asked, answers)
    assert memory.size == machine_mib() == sum(piece.size for piece in memory.pieces)
    assert [(p.name, p.size, p.what) for p in memory.pieces[:5]] == [
        ("dom0", 2048, "fixed"), ("ipfire", 260, "runs"), ("comm", 260, "does not run"),
        ("nginx", 260, "does not run"), ("windows", 518, "does not run"),
    ]  # fmt: skip
    assert memory.pieces[-1].kind == "free"
    assert processors.what == "on 2 threads, which they share in turn"
    assert [p.size for p in processors.pieces] == [1, 1, 1, 1, 2]
    assert "virtual processors: 6, on 2 threads" in budget.show(asked, answers).text


def test_a_budget_that_is_overdrawn_says_by_how_much():
    """Where more is given out than there is, no piece is free and the difference is named."""
    asked, answers = finished()
    more = asked.model_copy(update={"dom0": asked.dom0.model_copy(update={"memory_mib": 6000})})
    memory, _ = budget.bars(more, answers)
    assert memory.what == f"7554 MiB given out, {7554 - machine_mib()} MiB more than there is"
    assert all(piece.kind != "free" for piece in memory.pieces)


def test_a_fluid_bar_has_the_number_of_every_piece():
    """However small a piece is, it has its number, its name is in the table, and an overdrawn bar shows its end."""
    asked, answers = finished()
    more = asked.model_copy(update={"dom0": asked.dom0.model_copy(update={"memory_mib": 60000})})
    page = bars.fluid("Budget", budget.bars(more, answers), [g.name for g in more.guests])
    assert re.findall(r">(\d) <span", page) == ["1", "2", "3", "4", "5", "6", "1", "2", "3", "4", "5"]
    assert re.findall(r"(?:memory|processors)</td><td>(\d)", page) == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "1",
        "2",
        "3",
        "4",
        "5",
    ]
    assert re.findall(r"flex:(\d+) [^>]*>!? <span[^>]*>([a-z ]+)", page) == [
        (str(machine_mib()), "there is"),
        (str(61554 - machine_mib()), "too much"),
    ]
    assert "too much" not in bars.fluid("Budget", budget.bars(asked, answers), [])


def _first_look():
    """Return the answers of the first notebook of the first recorded run, before anything was changed."""
    from tests.drift.recorded import looks

    return looks("testbed")["00_introduction"]
