"""The table of facts in a spreadsheet: no cell is a formula, and no character acts."""

import csv

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from runbook.text.csv import cell, write
from tests.text.hostile import ATTACKS
from tests.text.inert import plain

BEGINS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
ANY = st.text(st.sampled_from("=+-@\t\r\n;\"',a0＝\x1b") | st.characters(exclude_categories=()), max_size=30)


@given(ANY)
def test_no_cell_begins_like_a_formula(text):
    """Whatever a cell holds, it begins like no formula, nor does what another separator would make of it."""
    shown = cell(text)
    plain(shown)
    assert not shown.startswith(BEGINS)
    assert not any(part.startswith(BEGINS[:4]) for line in shown.split("\n") for part in line.split(";"))


def test_a_written_table_has_all_texts_and_no_formula(tmp_path):
    """Every cell and head is quoted and read back as one cell; numbers and harmless texts stay as they are."""
    frame = pd.DataFrame({"=head()": ATTACKS, "count": range(len(ATTACKS)), "ip": "10.0.2.15/24"})
    write(frame, tmp_path / "facts.csv")
    head, *rows = csv.reader((tmp_path / "facts.csv").read_text(encoding="utf-8").splitlines(keepends=True))
    assert head == ["'=head()", "count", "ip"]
    assert len(rows) == len(ATTACKS)
    for number, row in enumerate(rows):
        assert row[1:] == [str(number), "10.0.2.15/24"]
        assert not row[0].startswith(BEGINS)
