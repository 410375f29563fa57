"""The pictures and the form of every machine of the corpus: no crash, every device there, one word everywhere."""

from __future__ import annotations

import pytest

from runbook.cli.survey_show import folded
from runbook.show import network, pci_tree
from runbook.show.form import looks, words
from runbook.show.form.picker import DOM0, rows
from runbook.survey import STAY, judge, survey_table, verdict
from runbook.survey.reasons import RULES
from runbook.survey.tables import moves, parts_of_the_machine
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


@pytest.mark.parametrize("name", ["poweredge-r770", "x58-gtx570", "venus-um790"])
def test_the_table_on_a_terminal_folds_what_is_alike(name):
    """No device is lost: 318 of them are some 15 rows, and what may be passed is never folded."""
    facts = seen(name).facts
    table = survey_table(facts)
    short = parts_of_the_machine(facts)
    found = folded(table, short)
    assert sum(row["count"] for row in found) == len(table)
    assert len(found) < 30
    single = {row["address"]: row for row in found if row["count"] == 1}
    for row in table.to_dict("records"):
        if row["verdict"] == "may be passed":
            assert single[row["address"]]["why"] == ""
        if row["address"] in single and row["address"] not in short:
            assert single[row["address"]]["why"] == row["why"]
    assert all(row["verdict"] == "needs care" for row in found if row["why"] in short.values())


def test_each_reason_is_followed_by_what_to_do():
    """A move is told once, with all devices that it is for; parts of the machine that nobody wants have none."""
    facts = seen("dl380p-gen8").facts
    found = dict(moves(facts))
    assert found[RULES["shared-rmrr"][1]] == "0000:00:1a.0, 0000:00:1d.0"
    assert found[RULES["keyboard"][1]] == "0000:01:00.4"
    assert found[RULES["held"][1]] == "0000:01:00.0 to 0000:01:00.2, 0000:03:00.1 to 0000:03:00.3"
    assert RULES["board"][1] not in found
    assert len(found) == len(moves(facts))
