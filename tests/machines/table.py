"""`docs/machines.md`: the kinds of machines of the corpus, how many answers each has, and how many the survey gives rightly.

`python -m tests.machines.table` writes it; a test compares it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.machines.answers import answers, is_right, known, seen
from tests.machines.form import HERE, Machine, machines

PAGE = HERE.parents[1] / "docs/machines.md"
HEAD = """\
# Real machines, and what the survey says of them

{count} machines of public listings, {first} to {last}, {functions:,} PCI functions; what each has is in `tests/machines/`, with what an expert says may be done with it.

## Will mine do?

On how many of them the survey offers at least one such device to a guest, while dom0 keeps its disk, its network card and its keyboard.
Only machines count whose listing shows their IOMMU groups. Slots and soldered cards count alike.

{offers}
What holds the others back is a single device of the kind, which dom0 needs, or a group that it shares with one.
The boards are under [Each machine](#each-machine); your own answers to `runbook survey`, which changes nothing.

## How many answers are right

An *answer* is one device that must stay, one that is not offered, one unit that is offered, a reason that must be given, or the judgement of a firmware setting.
Nothing that dom0 uses, and nothing that cannot be told from it, is offered on any of them: `tests/machines/test_danger.py` holds that without an exception.

| kind | machines | answers | right |
| --- | --- | --- | --- |
"""
BODIES = ("desktop", "mini PC", "laptop", "server")
WANTED = {"graphics": "03", "network": "02", "USB": "0c03", "disk controller": "01", "sound": "0403"}
"""What people want to give away, by the beginning of its class code (pci.ids, "List of known device classes")."""
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
    head = HEAD.format(
        count=len(every), first=min(years), last=max(years), functions=functions, offers=_offers(every)
    )
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
    body = next(word for word in BODIES if first.startswith(word))
    maker = {"amd": "AMD", "intel": "Intel"}[str(machine.head["cpu"])]
    return tuple(dict.fromkeys((body, maker, *(kind for kind in more if kind != maker))))


def _offers(every: list[Machine]) -> str:
    """Return the table of how many machines of a kind have a device of a class to give away."""
    rows = [f"| kind | machines | {' | '.join(WANTED)} |", "| --- |" + " --- |" * (len(WANTED) + 1)]
    for body in BODIES:
        for maker in ("Intel", "AMD"):
            some = [m for m in every if kinds(m)[:2] == (body, maker) and "unknown groups" not in kinds(m)]
            have = [sum(has_to_give(m, classes) for m in some) for classes in WANTED.values()]
            if some:
                rows.append(f"| {body}, {maker} | {len(some)} | {' | '.join(map(str, have))} |")
    return "\n".join(rows) + "\n"


def has_to_give(machine: Machine, classes: str) -> bool:
    """Return whether the survey offers a device of a class (the beginning of its code) of this machine."""
    offered = seen(machine.name).offered
    return any(device.code.startswith(classes) for device in machine.devices if device.bdf in offered)


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
