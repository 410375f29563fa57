"""Every right answer of every machine is the survey's answer, but those that `known.txt` names, strictly."""

from __future__ import annotations

import pytest

from tests.machines import table
from tests.machines.answers import answers, is_right, known, seen
from tests.machines.form import HERE, machines, read

NAMES = tuple(m.name for m in machines())


@pytest.mark.parametrize("name", NAMES)
def test_the_survey_gives_the_right_answers(name):
    """What is wrong is what is known to be wrong, no answer more and no answer less."""
    form = seen(name).form
    mine = {str(a): is_right(a) for a in answers(form) if a.kind != "ports"}
    wrong = {answer for answer, right in mine.items() if not right}
    assert wrong == {answer for answer in mine if answer in known()}


def test_what_is_known_to_be_wrong_is_an_answer_of_a_machine():
    """Each line of `known.txt` is about an answer that some machine has, and says why."""
    asked = {str(a) for m in machines() for a in answers(m)}
    assert set(known()) <= asked
    assert all(known().values())


def test_nothing_known_to_be_wrong_is_dangerous():
    """No device that dom0 uses is among what is known to be judged too lightly."""
    assert [a for a in known() if a.split()[1] == "stay"] == []


def test_there_are_as_many_as_promised():
    """At least sixty machines from 2011 to 2026, of both makers, in every kind of case."""
    years = {int(m.head["year"]) for m in machines()}
    makers = {m.head["cpu"] for m in machines()}
    assert len(NAMES) >= 60
    assert (min(years), max(years)) == (2010, 2026)
    assert makers == {"intel", "amd"}


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_says_what_it_is(name):
    """Each file names its board, year, kinds and source, and what is added; its answers are about devices that it has."""
    form = next(m for m in machines() if m.name == name)
    assert all(form.head.get(key) for key in ("about", "kinds", "board", "year", "source", "added", "cpu"))
    there = {d.bdf for d in form.devices}
    right = form.right
    told = {
        *right.stay,
        *right.never,
        *(b for unit in right.offered for b in unit),
        *(b for b, _ in right.reasons),
    }
    assert told <= there
    assert not set(right.stay) & set(right.never)
    assert not {b for unit in right.offered for b in unit} & {*right.stay, *right.never, *form.used}
    assert {c for d in form.disks for c in d.controllers} <= there
    assert {c.controller for c in form.cards if c.controller} <= there
    assert {d.above for d in form.devices if d.above} <= there


def test_a_line_that_says_nothing_is_refused(tmp_path):
    """A mark that no reader knows stops the test run instead of being left out."""
    text = (HERE / "z170-itx.yml").read_text(encoding="utf-8").replace(" <00:1c.0", " ?00:1c.0")
    path = tmp_path / "z.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="says nothing about a device"):
        read(path)


def test_the_page_is_up_to_date():
    """`docs/machines.md` is what the files and the survey make: `python -m tests.machines.table` writes it."""
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def test_what_a_kind_of_machine_can_give_away_is_what_the_survey_offers():
    """The first table of `docs/machines.md` counts a machine for a class where such a device is offered, and only there."""
    every = {m.name: m for m in table.machines()}
    assert table.has_to_give(every["b550-aorus-pro"], "03")  # its second card, behind a switch of its own
    assert not table.has_to_give(every["b550-aorus-pro"], "02")  # its only one carries the session
    assert not table.has_to_give(every["b550-aorus-one-group"], "ff")
    rows = [
        row.split(" | ") for row in table.page().splitlines() if row.startswith(("| desktop,", "| server,"))
    ]
    assert len(rows) == 4
    assert all(int(cell.strip(" |")) <= int(row[1]) for row in rows for cell in row[2:])
