"""`docs/machines.md`: the kinds of machines of the corpus, how many answers each has, and how many the survey gives rightly.

`python -m tests.machines.table` writes it; a test compares it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.machines.answers import answers, is_right, known
from tests.machines.form import HERE, Machine, machines

PAGE = HERE.parents[1] / "docs/machines.md"
HEAD = """\
# Real machines, and what the survey says of them

{count} machines of public listings, {first} to {last}, {functions:,} PCI functions; what each has is in `tests/machines/`, with what an expert says may be done with it.
An *answer* is one device that must stay, one that is not offered, one unit that is offered, a reason that must be given, or the judgement of a firmware setting.
Nothing that dom0 uses, and nothing that cannot be told from it, is offered on any of them: `tests/machines/test_danger.py` holds that without an exception.

| kind | machines | answers | right |
| --- | --- | --- | --- |
"""
WRONG = """
## What is wrong today

Each has a strict test: whoever mends it takes its line out of `tests/machines/known.txt`.

| machine | answer | why |
| --- | --- | --- |
"""
EACH = """
## Each machine

| machine | board | year | functions | answers | right | what it is, and its source |
| --- | --- | --- | --- | --- | --- | --- |
"""
TAIL = """
This page is written by `python -m tests.machines.table`; the tests compare it.
"""


def page() -> str:
    """Return the page as Markdown."""
    every = machines()
    years = [int(m.head["year"]) for m in every]
    functions = sum(len(m.devices) for m in every)
    head = HEAD.format(count=len(every), first=min(years), last=max(years), functions=functions)
    found = defaultdict(list)
    for machine in every:
        for kind in kinds(machine):
            found[kind].append(machine)
    rows = sorted(found.items(), key=lambda row: (-len(row[1]), row[0]))
    total = _row("**all**", every)
    wrong = "".join(
        f"| {a.split()[0]} | {a.partition(' ')[2]} | {why} |\n" for a, why in sorted(known().items())
    )
    return (
        head + "".join(_row(kind, some) for kind, some in rows) + total + (WRONG + wrong) * bool(wrong)
        + EACH + "".join(map(_each, every)) + TAIL
    )  # fmt: skip


def kinds(machine: Machine) -> tuple[str, ...]:
    """Return the kinds of a machine: what it is, its maker, and what is special about it."""
    first, *more = str(machine.head["kinds"]).split(", ")
    body = next(word for word in ("mini PC", "desktop", "laptop", "server") if first.startswith(word))
    maker = {"amd": "AMD", "intel": "Intel"}[str(machine.head["cpu"])]
    return tuple(dict.fromkeys((body, maker, *(kind for kind in more if kind != maker))))


def _counted(some: Iterable[Machine]) -> tuple[int, int]:
    asked = [a for m in some for a in answers(m) if a.kind != "ports"]
    return len(asked), sum(map(is_right, asked))


def _row(kind: str, some: Iterable[Machine]) -> str:
    some = list(some)
    asked, right = _counted(some)
    return f"| {kind} | {len(some)} | {asked:,} | {right:,} |\n"


def _each(m: Machine) -> str:
    asked, right = _counted([m])
    head = m.head
    return f"| {m.name} | {head['board']} | {head['year']} | {len(m.devices)} | {asked} | {right} | {head['about']}; {head['source']} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
