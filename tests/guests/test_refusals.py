"""What we say that xl stops at is what xl 4.17 and 4.20 stop at, for configurations changed by a few strokes."""

import pytest

from tests.cases.guests import NAMES, Case
from tests.cases.judges.configurations import stops
from tests.guests.mutations import mutated
from tests.guests.test_adoption import real

__all__ = ["real"]
A_BATCH = 2000
GIVEN = [(name, file) for name in NAMES for file in Case(name).expected.get("xl", ())]


def disagreements(xl, release, texts):
    """Return the configurations of which xl says one thing and we another, with its status."""
    found = []
    for first in range(0, len(texts), A_BATCH):
        batch = texts[first : first + A_BATCH]
        verdicts = xl.verdicts(batch)
        found += [(t, s) for t, s in zip(batch, verdicts, strict=True) if (s != 0) != stops(t, release)]
    return found


@pytest.mark.parametrize(("name", "file"), GIVEN)
def test_a_given_file_is_taken_or_not_as_its_case_says(real, name, file):
    """The cases are right: xl itself says so."""
    xl, release = real
    (status,) = xl.verdicts([Case(name).text(file)])
    assert (status == 0) == Case(name).expected["xl"][file][release]


def test_a_few_hundred_changed_files_are_judged_as_xl_judges_them(real):
    """Of 600 none is judged otherwise; another seed than in the long test."""
    xl, release = real
    assert disagreements(xl, release, list(mutated(600, 7))) == []


@pytest.mark.many
def test_fifty_thousand_changed_files_are_judged_as_xl_judges_them(real):
    """At least 99.5 percent of them are, and those that are not are shown."""
    xl, release = real
    found = disagreements(xl, release, list(mutated(50_000, 8)))
    assert len(found) < 50_000 * 0.005, found[:20]


def test_many_at_once_say_what_each_says_alone(real):
    """The quick way of asking says the same as the slow one, and goes on after a file that xl dies of."""
    xl, _ = real
    texts = ['name = "a"\nkernel = "/x"\n', "name =\n", 'name = "a"\ntype = "hvm"\npci = [ "x" ]\n']
    dying = 'name = "a"\ntype = "hvm"\nviridian = [ [ "x" ] ]\n'
    alone = [xl.judge(text).status for text in texts]
    assert alone == [0, 1, 6]
    assert xl.verdicts([texts[0], dying, *texts[1:]]) == [0, -11, *alone[1:]]
