"""The picture of the PCI devices: long domains below their controller, groups in pieces joined, big machines folded."""

from __future__ import annotations

import re

from runbook.show import pci_tree
from runbook.text.alike import cut_apart
from tests.cases.hardware import FOLDER, Case
from tests.proposal.test_many_devices import server
from tests.survey.machines import Pci, devices, params


def drawn(*built: Pci, lspci: str | None = None) -> tuple[str, str]:
    """Return the picture and its text."""
    shown = pci_tree.show(params(), devices(*built, lspci=lspci))
    return shown.html, shown.text


def test_a_drive_behind_vmd_stands_below_it():
    """Its address has room before its name, and bridge and drive hang on the controller, also where Linux says no path."""
    shown = pci_tree.show(params(), Case(FOLDER / "vmd-spare-disk-new-crashes").facts)
    lines = shown.text.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("0000:00:0e.0"))
    assert lines[at + 1].startswith("  10000:e0:06.0")
    assert lines[at + 2].startswith("    10000:e1:00.0")
    (address, name) = re.findall(
        r'<text x="([\d.]+)" y="[\d.]+"[^>]*>(?:<title>[^<]*</title>)?(?:10000:e1:00.0|Non-)', shown.html
    )
    assert float(name) - float(address) > len("10000:e1:00.0") * 7.2
    assert shown.html.count("<title>IOMMU group 10</title>") == 1


def test_a_group_in_several_places_is_joined():
    """One whose devices stand apart has a box in each place and one line through them; two such lines do not lie on each other."""
    built = [Pci(f"0000:0{n}:00.0", group=group) for n, group in enumerate((7, 8, 7, 8), 1)]
    html, _ = drawn(*built)
    assert html.count("<title>IOMMU group 7, in 2 places</title>") == 2
    joins = re.findall(r'<polyline points="([\d.]+),[\d.]+ \1,[\d.]+"', html)
    assert len(joins) == len(set(joins)) == 2
    assert "<polyline" not in drawn(*(Pci(d.bdf, group=7) for d in built))[0]


def test_a_server_is_a_page():
    """137 functions are fewer than 25 rows: the parts of a processor are one, with the number of their groups."""
    html, text = drawn(*server())
    assert len(text.splitlines()) < 25
    assert "0000:7f:08.0 to 0000:7f:16.3: 60 parts of the machine" in text
    assert text.count("in 15 groups") == 2
    assert "15 groups" in html


def test_a_part_beside_what_shares_its_group_is_seen():
    """A part of the machine is not folded away from the controller that goes along with it."""
    parts = [Pci(f"0000:00:1f.{n}", "8086:2930", "0c0500", group=8) for n in (3, 4, 5)]
    _, text = drawn(Pci("0000:00:1f.2", "8086:2922", "010601", group=8), *parts)
    assert len(text.splitlines()) == 4
    assert len(drawn(*parts)[1].splitlines()) == 1


def test_names_are_cut_where_they_are_alike():
    """Four controllers of one series are told apart in the picture; the whole name shows under the pointer."""
    rows = "".join(
        f'0000:0{n}:00.0 "Serial bus controller [0c80]" "Intel Corporation [8086]" "Core Ultra 200H/200V Series Serial IO '
        f'I2C #{n} [7e5{n}]"\n'
        for n in range(4)
    )
    html, _ = drawn(
        *(Pci(f"0000:0{n}:00.0", f"8086:7e5{n}", "020000", group=n) for n in range(4)), lspci=rows
    )
    shown = re.findall(r"</title>(Serial bus[^<]*)<", html)
    assert len(shown) == len(set(shown)) == 4
    assert all(f"#{n}" in name for n, name in enumerate(shown))
    assert all(f"Serial IO I2C #{n}</title>" in html for n in range(4))


def test_a_cut_text_has_its_room():
    """Whatever the texts are, none is longer than its room, and one that fits is whole."""
    texts = ["a" * 40 + word for word in ("x", "y" * 30, "y" * 29 + "z", "")] + ["short", "b c d " * 9]
    for room in range(6, 60):
        for text, cut in zip(texts, cut_apart(texts, [room] * len(texts)), strict=True):
            assert len(cut) <= room
            assert len(text) > room or cut == text
