"""A toy step and a toy host: the book's beat without any machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

from runbook.actions import WriteFile
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import CommandFailed
from runbook.hosts.base import Result
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams

PATH = "/etc/toy"
WANTED = "on\n"


class ToyHost:
    """A host that is one dictionary of files; counts what was done to it."""

    describe, is_real = "toy", True

    def __init__(self, files=None, **system_answers):
        self.files = {"/etc/os-release": 'VERSION_CODENAME=trixie\nPRETTY_NAME="Debian"\n', **(files or {})}
        self.answers = {"id -u": "0\n", "uname -r": "6.12\n", "uname -n": "toy\n", **system_answers}
        self.round_trips, self.written, self.locked = 0, [], False
        self.fails = self.forgets = False

    def gather(self, asks):
        self.round_trips += 1
        return Facts({ask: self._answer(ask) for ask in asks})

    def _answer(self, ask: Ask) -> Answer:
        if ask.kind == "read":
            known = self.files.get(ask.argv[0])
            return Answer(44) if known is None else Answer(0, known)
        return Answer(0, self.answers[ask.key]) if ask.key in self.answers else Answer(127)

    def run(self, argv, *, stdin=b"", timeout_s=None, on_line=None):
        return Result(argv, 0, "", "")

    def write(self, path, data, *, mode, owner, check=()):
        if self.fails:
            raise CommandFailed(f"Could not write {path}", why="disk full")
        self.written.append(path)
        if not self.forgets:
            self.files[path] = data.decode()

    def reboot(self, wait_s, on_line=None):
        raise NotImplementedError

    def reconnect(self, proof, wait_s, on_line=None):
        raise NotImplementedError

    def lock(self):
        self.locked = True

    def close(self):
        self.locked = False


def step(risk="safe", finding=None, wrong=None):
    """Return a step that wants one file, with a finding in its plan or its check if given."""

    def plan(params, facts):
        actions = () if facts.text(PATH) == WANTED else (WriteFile(PATH, WANTED),)
        return Plan(actions, (finding,) if finding else ())

    def check(params, facts):
        return [wrong] if wrong else []

    return SimpleNamespace(
        __name__="toys.turn_on",
        TITLE="Turn it on",
        GUIDE="none",
        RISK=risk,
        asks=lambda params: (Ask.read(PATH),),
        plan=plan,
        check=check,
    )


PARAMS = HostParams.model_validate({"host": "toy", "connection": {"kind": "local"}})
REFUSAL = Finding("refuse", "that is dangerous", "it holds /", "leave it")
WRONG = Finding("fail", "it is off", "nobody turned it on", "turn it on")


def book(monkeypatch, toy_step=None, host=None, mode="apply", params=PARAMS, journal=None):
    """Return a book with the one toy step on a toy host; what changes a real host is always journalled, somewhere."""
    journal = journal or Path(tempfile.mkdtemp(prefix="xr-toy-")) / "journal.jsonl"
    monkeypatch.setattr(
        "runbook.book.book.steps_of", lambda notebook, release="": {"turn_on": toy_step or step()}
    )
    return Book(params, mode, host or ToyHost(), "99_toy", Journal(journal))
