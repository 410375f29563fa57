"""What is right for each guest of tests/cases/guests is what the runbook says and does."""

import pytest

from tests.cases.guests import NAMES, UNMET, Case


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNMET])
def test_what_is_right_holds(name):
    """Everything that the case claims is so."""
    assert list(Case(name).wrong()) == []


@pytest.mark.parametrize("name", UNMET)
def test_what_is_known_to_be_wrong_is_wrong_still(name):
    """A case that holds by now loses its file `unmet`, so that it holds for ever."""
    assert list(Case(name).wrong()) != [], f"remove tests/cases/guests/{name}/unmet"
