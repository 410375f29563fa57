"""Each right answer of the corpus as one question that the survey answers or not, and those known to be wrong today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from runbook import survey
from runbook.model.ask import Facts
from runbook.survey import STAY
from runbook.survey import settings as firmware
from runbook.survey.groups import Group, groups
from tests.machines import build
from tests.machines.form import HERE, Machine, full, machines
from tests.survey.machines import params

KNOWN = HERE / "known.txt"


@dataclass(frozen=True)
class Answer:
    """One answer: the machine's name, the list it stands in, and what it is about."""

    machine: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.machine} {self.kind} {self.what}"


@dataclass(frozen=True)
class Seen:
    """A machine as the survey reads it."""

    form: Machine
    facts: Facts
    read: survey.Machine
    groups: tuple[Group, ...]

    @property
    def offered(self) -> dict[str, frozenset[str]]:
        """Return for each address that is offered those that go with it."""
        return {bdf: frozenset(g.bdfs) for g in self.groups if g.is_offered for bdf in g.bdfs}


@cache
def seen(name: str) -> Seen:
    """Return a machine of the corpus, read once."""
    form = next(m for m in machines() if m.name == name)
    facts = build.facts(form)
    read = survey.read(facts)
    return Seen(form, facts, read, groups(read))


def answers(form: Machine) -> Iterator[Answer]:
    """Yield every answer of a machine."""
    right = form.right
    for kind, found in (("stay", right.stay), ("never", right.never), ("ports", right.ports)):
        yield from (Answer(form.name, kind, short(what)) for what in found)
    yield from (Answer(form.name, "offered", " ".join(map(short, unit))) for unit in right.offered)
    yield from (Answer(form.name, "reason", f"{short(bdf)} {kind}") for bdf, kind in right.reasons)
    yield from (Answer(form.name, "setting", name) for name in right.settings)


@cache
def is_right(answer: Answer) -> bool:
    """Return whether the survey gives an answer today."""
    now, words = seen(answer.machine), answer.what.split()
    if answer.kind == "stay":
        return _verdict(now, full(words[0])) == STAY
    if answer.kind == "never":
        return full(words[0]) not in now.offered
    if answer.kind == "offered":
        unit = frozenset(map(full, words))
        # A unit may be offered in parts, never with anything else: a card's sound in a group of its own.
        return frozenset().union(*(now.offered.get(bdf, {"nowhere"}) for bdf in unit)) == unit
    if answer.kind == "reason":
        device = now.read.device(full(words[0]))
        return device is not None and words[1] in {r.kind for r in survey.judge(now.read, device)}
    if answer.kind == "setting":
        states = {s.name: s.state for s in firmware.settings(params(), now.read, now.facts)}
        return states[words[0]] in now.form.right.settings[words[0]]
    raise ValueError(f"nobody asks about {answer}")


def known() -> dict[str, str]:
    """Return the answers that are wrong today, each with the reason."""
    lines = (
        line.partition(": ")
        for line in KNOWN.read_text(encoding="utf-8").splitlines()
        if line and line[0] != "#"
    )
    return {answer: reason for answer, _, reason in lines}


def short(what: str) -> str:
    return what.removeprefix("0000:")


def _verdict(now: Seen, bdf: str) -> str:
    device = now.read.device(bdf)
    return survey.verdict(survey.judge(now.read, device)) if device else "it is not there"
