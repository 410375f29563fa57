"""What cells of test notebooks import: a machine with groups of devices, and a toy that takes as long as it is told."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook import survey
from runbook.actions import Run, WriteFile
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.hosts.base import Result
from runbook.model.ask import Ask
from runbook.model.plan import Finding, Plan
from runbook.show.form import Form
from runbook.show.form.draft import Draft
from tests import toy
from tests.survey.machines import Pci, devices

LINES = 620


def form(path: str) -> Form:
    """Return the form of a file for a machine with two devices in one group, two functions of one card, and a disk."""
    facts = devices(
        Pci("0000:00:1c.0", "8086:1c10", "060400", bus=3),
        Pci("0000:03:00.0", above=("0000:00:1c.0",), group=3),
        Pci("0000:04:00.0", "10de:1234", "030000", group=3),
        Pci("0000:05:00.0", group=5),
        Pci("0000:05:00.1", group=5),
    )
    return Form(Draft.open(Path(path)), survey.read(facts), "")


class Slow(toy.ToyHost):
    """A toy whose command says 620 lines and goes on when `go` is there: to its end, or to an error for `fail`."""

    def __init__(self, gate: str) -> None:
        super().__init__()
        self.gate = Path(gate)

    def run(self, argv, *, stdin=b"", timeout_s=None, on_line=None):
        said = [f"Unpacking part {number} of {LINES}" for number in range(1, LINES + 1)]
        for line in said:
            on_line(line)
        while not (self.gate / "go").exists():
            time.sleep(0.05)
        word = (self.gate / "go").read_text()
        if word != "well":
            return Result(argv, 1, "\n".join(said) + "\n", word)
        self.files[toy.PATH] = toy.WANTED
        return Result(argv, 0, "\n".join(said) + "\n", "")

    def write(self, path, data, *, mode, owner, check=()):
        (self.gate / "written").write_text(path)
        super().write(path, data, mode=mode, owner=owner)


def steps(risk: str) -> dict[str, SimpleNamespace]:
    """Return three steps: a command that takes its time, one of some risk that writes a file, and one that is done."""
    slow = Run(("apt-get", "install", "xen"), "it takes its time")
    unpack, turn_on, rest = toy.step(), toy.step(risk), toy.step()
    unpack.__name__, unpack.TITLE = "toys.unpack", "Unpack Xen"
    unpack.plan = lambda params, facts: Plan(() if facts.text(toy.PATH) else (slow,))
    turn_on.plan = lambda params, facts: Plan(
        () if facts.text("/etc/on") else (WriteFile("/etc/on", "on\n"),)
    )
    turn_on.asks = lambda params: (Ask.read("/etc/on"),)
    rest.__name__, rest.TITLE = "toys.rest", "Rest"
    rest.plan = lambda params, facts: Plan(
        (), (Finding("warn", "a lamp is on", "nobody is there", "turn it off"),)
    )
    return {"unpack": unpack, "turn_on": turn_on, "rest": rest}


def book(gate: str, mode: str, risk: str = "safe") -> Book:
    """Return a book of those steps on the slow toy, which counts as a real machine."""
    pytest.MonkeyPatch().setattr("runbook.book.book.steps_of", lambda notebook, release="": steps(risk))
    return Book(toy.PARAMS, mode, Slow(gate), "99_toy", Journal(Path(tempfile.mkdtemp()) / "journal.jsonl"))
