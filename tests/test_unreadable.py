"""An answer that cannot be understood is one error for a person, whoever read it, and the cause stays for a developer."""

import json
import os
import re

import pytest

from runbook.errors import HostError, UnreadableAnswer
from runbook.facts import pci
from runbook.model import unreadable
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.unreadable import cause_of, reading
from runbook.steps import notebooks
from tests import fuzz_answers

CASES = int(os.environ.get("RUNBOOK_FUZZ_CASES", "700"))
ASK, OTHER = Ask.run("lsblk", "-J"), Ask.run("uname", "-r")


def parse(facts):
    """A parser as a newcomer would write it: it knows nothing of unreadable answers."""
    rows = json.loads(facts.out("lsblk", "-J"))
    facts.out("uname", "-r")
    return [row["size"] for row in rows["blockdevices"]]


def test_fuzz_answers():
    """Of mutated answers over all that reads them, none is a raw exception and none takes long."""
    done = list(fuzz_answers.cases(CASES, seed=13))
    bad = [case for case in done if case.end in ("raw", "slow")]
    assert bad == []
    unread = [case for case in done if case.end == "unreadable"]
    assert len(unread) > CASES // 50, "the mutations break nothing: this proves nothing"
    assert sum(case.named for case in unread) >= 0.9 * len(unread), "the wrong command is named"


def test_the_fuzz_reads_every_step():
    """No step, table or picture is left out, and each has answers."""
    names = {reader.name for reader in fuzz_answers.readers()}
    steps = {step.__name__.rpartition(".")[2] for steps in notebooks().values() for step in steps}
    assert steps < names
    assert {"new", "fleet facts", "drift", "kept", "undo"} < names
    assert all(len(facts) for reader in fuzz_answers.readers() for facts in reader.facts)


@pytest.mark.parametrize(
    "said", ["", "{", "[]", '{"blockdevices": 1}', '{"blockdevices": [{}]}', "[" * 100_000]
)
def test_a_new_parser_needs_nothing(said):
    """Command, host, place, status and next move are named; Python's own error is behind it."""
    facts = Facts({ASK: Answer(0, said), OTHER: Answer(0, "6.12")}, "root@box")
    with pytest.raises(UnreadableAnswer, match=r"lsblk -J|uname -r") as caught, reading():
        parse(facts)
    error = caught.value
    assert (error.exit_code, isinstance(error, HostError)) == (5, True)
    assert "root@box" in error.where
    assert "on the host" in error.do
    assert type(error.__cause__).__name__ in cause_of(error)


def test_of_a_capture_the_machine_that_it_was_taken_from_is_asked():
    """Nobody can run anything on a capture: the move names the machine behind it."""
    facts = Facts({ASK: Answer(0, "{"), OTHER: Answer(0, "6.12")}, "the capture box")
    with pytest.raises(UnreadableAnswer) as caught, reading():
        parse(facts)
    assert "on the machine that the capture box was taken from" in caught.value.do


def test_the_place_is_the_parsers():
    """Where it came up is named by file and line, for whoever mends the parser."""
    facts = Facts(dict.fromkeys(pci.COMMANDS, Answer(0, "x y\n")), "root@box")
    with pytest.raises(UnreadableAnswer) as caught, reading():
        pci.parse(facts)
    assert re.search(r"runbook/facts/pci\.py:\d+", caught.value.where)


@pytest.mark.parametrize(
    ("status", "why"), [(127, "no such command"), (124, "took too long"), (5, "status 5")]
)
def test_how_the_command_ended_is_said(status, why):
    """A command that is missing or was ended is the likelier reason than its text."""
    facts = Facts({ASK: Answer(status, "", "")})
    with pytest.raises(UnreadableAnswer, match=why), reading():
        json.loads(facts[ASK].out), facts


def test_what_is_shown_of_an_answer_cannot_act():
    """Control and bidirectional characters of the answer are shown, not sent."""
    facts = Facts({ASK: Answer(0, "\x1b]0;x\x07\u202e{")})
    with pytest.raises(UnreadableAnswer) as caught, reading():
        parse(facts)
    assert not [c for c in str(caught.value) if c != "\n" and not c.isprintable()]


@pytest.mark.parametrize("error", [NameError("x"), ImportError("x"), OSError("x"), MemoryError()])
def test_what_no_answer_causes_stays_itself(error):
    """A missing name, a full disk or no memory is never blamed on the host."""

    def broken(facts):
        facts.out("lsblk", "-J")
        raise error

    with pytest.raises(type(error)), reading():
        broken(Facts({ASK: Answer(0, "")}))


def test_an_error_that_read_no_facts_stays_itself():
    """A fault of ours where no facts are in hand, or none was read, is not blamed on an answer."""

    def broken(facts):
        raise ZeroDivisionError

    assert unreadable.unreadable(ValueError("x")) is None
    for held in (None, Facts({ASK: Answer(0, "")})):
        with pytest.raises(ZeroDivisionError), reading():
            broken(held)
