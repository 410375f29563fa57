"""The program that the host keeps to end guests cleanly, and how it is called."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from runbook.model.ask import Ask, Facts

PROGRAM = "/usr/local/lib/xen-runbook/end-guests"
"""Where the host keeps it."""
KEPT = "/var/lib/xen-runbook/guests-ended"
"""Where it notes how each guest ended when the host went down the last time."""

COMMANDS = (Ask.read(PROGRAM),)


@cache
def program() -> str:
    """Return the program's text."""
    return (files("runbook.guests") / "ending.sh").read_text(encoding="utf-8")


def quoted(name: str) -> str:
    """Return a guest's name as a shell takes it: it may hold blanks."""
    return shlex.quote(name)


def by_hand(name: str) -> str:
    """Return the command that ends a guest and waits for it, as a person types it on the host.

    >>> by_hand("Windows 10")
    "`xl shutdown -F -w 'Windows 10'`"
    """
    return f"`xl shutdown -F -w {shlex.quote(name)}`"


@dataclass(frozen=True)
class End:
    """How one guest ended when the host went down."""

    at: str
    """In UTC, as 2026-11-30T07:02:11Z."""
    how: str
    """`ended`, `crashed`, or `cut`: its plug was pulled."""
    what: str
    """The guest's name and what became of it."""


def last_ends(facts: Facts) -> tuple[End, ...]:
    """Return how the guests ended when the host last went down with guests up; () where nothing says.

    >>> from runbook.model.ask import Answer
    >>> last_ends(Facts({Ask.read(KEPT): Answer(0, "2026-11-30T07:02:11Z cut web: it did not end within 300 s\\n")}))
    (End(at='2026-11-30T07:02:11Z', how='cut', what='web: it did not end within 300 s'),)
    """
    rows = (line.split(" ", 2) for line in (facts.text(KEPT) or "").splitlines())
    return tuple(End(*row) for row in rows if len(row) == 3)
