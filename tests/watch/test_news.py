"""What of a sequence of looks is told: each change once, what is well again, and nothing of what nobody could see."""

from __future__ import annotations

import random

import pytest

from runbook.watch import kept
from runbook.watch.condition import Condition, Look
from runbook.watch.news import Message, State, follow

HOUR = 3600
TOPICS = frozenset({"reach", "guests", "disks", "room"})
DOWN = Condition("down:comm", "guests", "The guest 'comm' does not run", "start it")
CRASHED = Condition("crashed:comm", "guests", "The guest 'comm' crashed", "look")
DISK = Condition("disk:/dev/sda", "disks", "The disk /dev/sda counts 1 sector", "replace it")
WORSE = Condition("disk:/dev/sda", "disks", "The disk /dev/sda counts 9 sectors", "replace it")
GONE = Condition("reach", "reach", "The host cannot be looked at", "go there")


def looks(*rows: tuple[Condition, ...] | Look) -> list[Message | None]:
    """Return what each look of a sequence has to tell, an hour between two."""
    state, told = State("toy"), []
    for number, row in enumerate(rows, 1):
        look = row if isinstance(row, Look) else Look("toy", number * HOUR, TOPICS, row)
        state, message = follow(state, look)
        told.append(message)
    return told


def test_a_sequence_is_told_change_by_change() -> None:
    """Well, down, down, two things, one of them well again, all well again, well: five looks of seven say something."""
    told = looks((), (DOWN,), (DOWN,), (DOWN, DISK), (DISK,), (), ())
    subjects = [one.subject if one else None for one in told]
    assert subjects == [
        None,
        "toy: The guest 'comm' does not run",
        None,
        "toy: The disk /dev/sda counts 1 sector",
        "toy: no longer: The guest 'comm' does not run",
        "toy: well again",
        None,
    ]
    assert told[1]
    assert told[1].lines == (
        "The guest 'comm' does not run. Next: start it",
        "Now 1 thing not well.",
    )
    assert told[5]
    assert told[5].lines == (
        "Well again: The disk /dev/sda counts 1 sector (for 2 h)",
        "Now all that is looked at is well.",
    )


def test_what_gets_worse_is_no_news() -> None:
    """The same disk with more of the same is told once; what is shown is what it is now."""
    assert looks((DISK,), (WORSE,))[1] is None
    state, _ = follow(State("toy"), Look("toy", 1, TOPICS, (DISK,)))
    state, _ = follow(state, Look("toy", 2, TOPICS, (WORSE,)))
    assert [(one.condition.what, one.since) for one in state.active] == [(WORSE.what, 1)]


def test_one_thing_that_becomes_another_is_both() -> None:
    """A guest that is down and then crashes: the new one is told, and the old one is no longer."""
    message = looks((DOWN,), (CRASHED,))[1]
    assert message is not None
    assert (message.came, [one.condition for one in message.went]) == ((CRASHED,), [DOWN])


def test_a_host_that_does_not_answer_is_not_well_again() -> None:
    """Of what nobody could look at nothing is told: neither that it is well again, nor once more that it is not."""
    silent = Look("toy", 2 * HOUR, frozenset({"reach"}), (GONE,))
    told = looks((DOWN,), silent, silent, (DOWN,))
    assert [one.subject if one else None for one in told[1:]] == [
        "toy: The host cannot be looked at", None, "toy: no longer: The host cannot be looked at",
    ]  # fmt: skip


def test_a_clock_that_goes_back_changes_nothing() -> None:
    """The order of looks decides, not their dates."""
    early = Look("toy", -99 * HOUR, TOPICS, ())
    told = looks((DOWN,), early)
    assert told[1]
    assert told[1].lines[0] == "Well again: The guest 'comm' does not run (for 1 min)"


def test_what_nobody_looks_at_any_more_goes_and_says_so() -> None:
    """A topic that the parameters no longer ask for can never become well: it is told once that nobody looks."""
    told = looks(
        (DOWN, DISK),
        Look("toy", 2 * HOUR, TOPICS - {"guests"}, (DISK,), possible=TOPICS - {"guests"}),
        (DISK,),
    )
    assert told[1]
    assert told[1].lines[0] == "No longer looked at: The guest 'comm' does not run (for 60 min)"
    assert told[2] is None
    silent = Look("toy", 2 * HOUR, frozenset({"reach"}), (GONE,), possible=TOPICS)
    assert looks((DOWN,), silent, silent)[2] is None


@pytest.mark.parametrize("seed", range(50))
def test_whoever_reads_all_messages_knows_the_state(seed: int) -> None:
    """Adding up what came and what went gives what is not well, whatever was seen in between; no change is told twice."""
    chance = random.Random(seed)
    things = [
        DOWN,
        DISK,
        CRASHED,
        *(Condition(f"full:/{n}", "room", f"/{n} is full", "clean") for n in range(4)),
    ]
    state, known = State("toy"), set[str]()
    for number in range(200):
        topics = frozenset(topic for topic in TOPICS if chance.random() < 0.9)
        found = tuple(c for c in things if c.topic in topics and chance.random() < 0.5)
        state, message = follow(state, Look("toy", number, topics, found))
        came = {c.key for c in message.came} if message else set()
        went = {a.condition.key for a in message.went} if message else set()
        assert not came & known
        assert went <= known
        known = (known | came) - went
        assert known == state.keys
        assert known >= {c.key for c in found}


def test_what_is_known_survives_between_two_looks(tmp_path) -> None:
    """It is written down whole; a file that cannot be read is a host that was never looked at."""
    state, _ = follow(State("toy"), Look("toy", 7, TOPICS, (DISK, DOWN)))
    kept.keep(tmp_path, state, [{"to": "x", "subject": "s", "lines": []}])
    assert kept.load(tmp_path, "toy") == (state, [{"to": "x", "subject": "s", "lines": []}])
    (tmp_path / kept.NAME).write_text("{")
    assert kept.load(tmp_path, "toy") == (State("toy"), [])
