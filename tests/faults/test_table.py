"""The page of faults cannot drift from the suite."""

from pathlib import Path

from tests.faults.table import FAULTS, PAGE, page


def test_the_page_is_the_table():
    """`docs/faults.md` is what the table says, to the letter."""
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.faults.table writes it"


def test_every_row_is_provoked():
    """No row stands on the page that no test runs."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [key for key in FAULTS if tests.count(f'fault("{key}")') != 1] == []


def test_every_way_a_step_can_end_is_on_the_page():
    """The eight ends are all provoked: seven in the step that is hit, never-run in those after it."""
    from runbook.evidence.outcomes import ENDS

    assert {fault.step for fault in FAULTS.values()} | {"never-run"} == set(ENDS)
