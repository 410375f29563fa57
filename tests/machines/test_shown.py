"""The pictures and the form of every machine of the corpus: no crash, every device there, one word everywhere."""

from __future__ import annotations

import pytest

from runbook.show import network, pci_tree
from runbook.show.form import looks, words
from runbook.show.form.picker import DOM0, rows
from runbook.survey import STAY, judge, verdict
from tests.machines.answers import seen
from tests.machines.form import machines
from tests.survey.machines import params

NAMES = tuple(m.name for m in machines())


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_has_every_device(name):
    """Each function stands in one row, alone or with parts of the machine; what people look for is named by its address."""
    now = seen(name)
    shown = pci_tree.show(params(), now.facts)
    found = [device.bdf for row in pci_tree.rows(params(), now.facts) for device in row.devices]
    assert sorted(found) == sorted(d.bdf for d in now.form.devices)
    assert all(d.bdf in shown.text for d in now.form.devices if d.code[:2] in ("01", "02", "03"))
    assert shown.html.startswith("<svg")


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_of_the_network_has_every_card(name):
    """Each interface with a PCI device stands in the text of the picture."""
    now = seen(name)
    text = network.show(params(), now.facts).text
    assert all(card.name in text for card in now.form.cards if card.controller)


@pytest.mark.parametrize("name", NAMES)
def test_the_forms_picker_says_what_the_table_says(name):
    """Every row has the verdict of its devices, can be drawn, and leaves no choice where they must stay."""
    now = seen(name)
    for row in rows(params().model_dump(mode="json"), now.read):
        for member in row.group.members:
            assert verdict(judge(now.read, member.device)) == row.group.verdict
        assert looks.group(row)
        assert words.reason(row)
        assert (row.choices == (DOM0,)) is (row.group.verdict == STAY)
