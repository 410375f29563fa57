"""Mutated answers of a host, played to all that reads them: `python -m tests.fuzz_answers [--cases 10000] [--seed 1]`.

What may come of a case: it is decided, or a `RunbookError`. What must not: any other exception, or more than 10 s.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from runbook import proposal
from runbook.actions import Link, Remove, WriteFile
from runbook.drift import kept
from runbook.drift.compare import compare
from runbook.engine import undo
from runbook.engine.undo import Done
from runbook.errors import RunbookError, UnreadableAnswer
from runbook.facts import identity, system
from runbook.fleet.facts import rows_of
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.unreadable import reading
from runbook.params import load
from runbook.show import steps as views
from runbook.show import tables
from runbook.steps import name_of, notebooks
from tests.mutations import mutate
from tests.recorded import gathers

ROOT = Path(__file__).parents[1]
PARAMS = load(ROOT / "params/example.yml")
RECORDINGS = ("testbed", "testbed-again")
LONGEST_S = 10
Read = Callable[[Facts], object]


class TooLong(BaseException):
    """A case took longer than it may."""


@dataclass(frozen=True)
class Reader:
    """Something that reads the answers of a host, and those that it may be given."""

    name: str
    read: Read
    facts: tuple[Facts, ...]


@dataclass(frozen=True)
class Case:
    """One mutated answer, read by one reader. `end` is `decided`, `error`, `raw` or `slow`."""

    reader: str
    ask: str
    mutation: str
    end: str
    seconds: float
    named: bool = True
    """Whether the error names the question whose answer was mutated."""
    what: str = ""


@cache
def readers() -> tuple[Reader, ...]:
    """Return every step, the survey, `new`, tables and pictures, the fleet's facts, drift, and the way back."""
    found = []
    for notebook, steps in notebooks().items():
        looks = [*_looks(notebook)]
        for step in steps:
            asks = {*step.asks(PARAMS), *system.COMMANDS}
            found.append(Reader(name_of(step), _stepwise(step), tuple(_only(look, asks) for look in looks)))
    survey = tuple(
        _only(look, set(proposal.machine.asks(is_real=False))) for look in _looks("00_introduction")
    )
    wholes = tuple(
        Facts({a: v for book in notebooks() for a, v in [*_looks(book, name)][-1].items()})
        for name in RECORDINGS
    )
    found.append(Reader("new", _new, survey))
    for name in (*tables._TABLES, *tables._PICTURES):
        found.append(Reader(f"show {name}", _shown(name), wholes))
    found.append(Reader("fleet facts", _rows, wholes))
    found.append(
        Reader("kept", lambda facts: [kept.hidden(answer, "key") for answer in facts.values()], wholes)
    )
    found.append(Reader("drift", lambda facts: compare(wholes[0], facts), wholes))
    found.append(Reader("undo", _undone, (_paths(),)))
    return tuple(found)


DONE = [
    Done(
        "run",
        "1",
        "a_step",
        "wrote",
        WriteFile("/etc/default/grub", "old\n"),
        (("/etc/default/grub", "0" * 64),),
    ),
    Done("run", "2", "a_step", "linked", Remove("/etc/xen/auto/x"), (("/etc/xen/auto/x", "-> ../x.cfg"),)),
    Done("run", "3", "a_step", "removed", Link("/etc/localtime", "zone"), (("/etc/localtime", "gone"),)),
]


def _paths() -> Facts:
    return Facts(
        {
            ask: Answer(0, "old\n" if ask.kind == "read" else "/etc/xen/auto/x\t../x.cfg\n", "0644 root:root")
            for ask in undo.asks(DONE)
        }
    )


def _undone(facts: Facts) -> None:
    with reading():
        for action in undo.plan(DONE, facts).actions:
            action.preview(facts)


def _stepwise(step) -> Read:
    def read(facts: Facts) -> None:
        with reading():
            views.plan(step, step.plan(PARAMS, facts), facts)
        for action in step.plan(PARAMS, facts).actions:
            with reading():
                action.inverse(facts)
        step.check(PARAMS, facts)
        with reading():
            system.parse(facts)

    return read


def _rows(facts: Facts) -> None:
    list(rows_of("box", "now", "asked now", facts, is_strict=True))


def _new(facts: Facts) -> None:
    proposal.machine.read(facts)


def _shown(name: str) -> Read:
    def read(facts: Facts) -> None:
        with reading():
            tables.show(name, PARAMS, facts)

    return read


@cache
def _looks(notebook: str, *only: str) -> tuple[Facts, ...]:
    """Return what the recordings knew after the first and after the last look of a notebook."""
    found = []
    for recording in only or RECORDINGS:
        known: dict[Ask, Answer] = {}
        looks = gathers(ROOT / "recordings" / recording, notebook)
        asks = {ask.key: ask for step in notebooks()[notebook] for ask in step.asks(PARAMS)}
        asks |= {ask.key: ask for ask in (*system.COMMANDS, *identity.COMMANDS)}
        for number, gather in enumerate(looks):
            known.update({asks[key]: Answer(*said) for key, said in gather.items() if key in asks})
            if number in (0, len(looks) - 1):
                found.append(Facts(known))
    return tuple(found)


def _only(facts: Facts, asks: set[Ask]) -> Facts:
    return Facts({ask: facts[ask] for ask in facts if ask in asks})


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` cases, evenly over all readers and their questions."""
    rng = random.Random(seed)
    every = [
        (reader, number, ask)
        for reader in readers()
        for number, facts in enumerate(reader.facts)
        for ask in facts
    ]
    todo = []
    while len(todo) < count:
        todo += rng.sample(every, len(every))
    for number, (reader, at, ask) in enumerate(todo[:count]):
        yield one(random.Random(f"{seed} {number}"), reader, reader.facts[at], ask)


def one(rng: random.Random, reader: Reader, facts: Facts, ask: Ask) -> Case:
    """Return how one mutated answer ended."""
    kind, answer = mutate(rng, facts[ask])
    mutated = Facts({**{a: facts[a] for a in facts}, ask: answer}, "root@box")
    began = time.monotonic()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST_S)
    end, what, named = "decided", "", True
    try:
        reader.read(mutated)
    except RunbookError as error:
        end, what = "error", str(error)
        if isinstance(error, UnreadableAnswer):
            named = " ".join(ask.key.split())[:100] in what or ask.argv[0] in what
            end = "unreadable"
    except TooLong as error:
        end, what = "slow", "".join(traceback.format_tb(error.__traceback__)[-2:])
    except Exception as error:
        end, what = "raw", repr(error)[:100] + "".join(traceback.format_tb(error.__traceback__)[-2:])
    finally:
        signal.alarm(0)
    return Case(reader.name, ask.key[:80], kind, end, time.monotonic() - began, named, what)


def _too_long(*_: object) -> None:
    raise TooLong


def main() -> int:
    """Print the ends of all cases by kind of mutation, and each one that must not be; 1 if there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--slow", type=float, default=LONGEST_S, help="name also the cases that took so many seconds"
    )
    asked = parser.parse_args()
    done = list(cases(asked.cases, asked.seed))
    ends = ("decided", "error", "unreadable", "raw", "slow")
    count = Counter((case.mutation, case.end) for case in done)
    print(f"{'mutation':12}" + "".join(f"{end:>12}" for end in ends))
    for kind in sorted({case.mutation for case in done}):
        print(f"{kind:12}" + "".join(f"{count[kind, end]:12}" for end in ends))
    print(f"{'all':12}" + "".join(f"{sum(case.end == end for case in done):12}" for end in ends))
    unreadable = [case for case in done if case.end == "unreadable"]
    print(
        f"named rightly: {sum(case.named for case in unreadable)} of {len(unreadable)}; longest {max(c.seconds for c in done):.1f} s"
    )
    for case in done:
        if case.end in ("raw", "slow") or case.seconds > asked.slow:
            print(
                f"\n{case.end} {case.seconds:.1f} s: {case.reader} / {case.ask} / {case.mutation}\n{case.what}"
            )
    return int(any(case.end in ("raw", "slow") for case in done))


if __name__ == "__main__":
    sys.exit(main())
