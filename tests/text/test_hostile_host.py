"""A host whose every string is an attack, played through every notebook: what comes out is text."""

from __future__ import annotations

import random
import shlex
from collections import Counter

import pytest

from runbook.actions import Run
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import RunbookError
from runbook.params import load
from runbook.show import tables
from runbook.show.pieces import Shown
from runbook.steps import notebooks
from tests.text.hostile import AGAIN, FIRST, MARK, ROOT, HostileHost
from tests.text.inert import inert, plain

PARAMS = load(ROOT / "params/example.yml")
WORLDS, MOST = 12, 90
"""Hostile hosts a notebook, each with other attacks in other places; more until attacks have come everywhere."""
REACHED = {
    "00_introduction": {"machine", "devices", "pci_tree", "title"},
    "02_debian_installation": {"disk"},
    "03_debian_configuration": {"plan", "outcome", "errors", "summary"},
    "04_custom_kernel": {"kernel_flags"},
    "06_xen_configuration": {"plan", "outcome", "errors", "network", "xen"},
    "08_guests": {"plan", "outcome", "errors"},
    "09_management": {"volumes", "errors"},
}
"""Where attacks must have come out as texts, or the test would look at nothing."""


class Seen:
    """Looks at all that comes out, and counts the attacks that came out as texts."""

    def __init__(self) -> None:
        self.counts = Counter[str]()

    def take(self, what: str, shown: Shown) -> None:
        bundle = shown._repr_mimebundle_()
        self.counts[what] += inert(bundle["text/html"]) + plain(bundle["text/plain"]) + plain(repr(shown))

    def error(self, error: BaseException) -> None:
        """An error of the runbook's own is looked at; what is none, is another test's concern."""
        if isinstance(error, RunbookError):
            self.counts["errors"] += plain(str(error)) + sum(map(plain, error._render_traceback_()))


def play(seen: Seen, notebook: str, seed: int, displayed: list, journal: Journal) -> HostileHost:
    """Open a notebook on a hostile host, in one of the modes, and do all that its cells could do."""
    rng = random.Random(f"{notebook} {seed}")
    only_free = rng.random() < 0.4
    host = HostileHost(
        notebook, seed, only_free=only_free, recording=rng.choice((FIRST, AGAIN)),
        share=rng.choice((0.3, 1.0)) if only_free else rng.choice((0.005, 0.02, 0.1, 0.5)),
    )  # fmt: skip
    try:
        book = Book(PARAMS, rng.choice(("plan", "apply", "check")), host, notebook, journal)
    except Exception as error:
        seen.error(error)
        return host
    for step in book._steps:
        for act in (book.plan, book.apply):
            try:
                made = act(step)
            except Exception as error:
                seen.error(error)
                continue
            if made is not None:
                seen.take("plan", made)
            _commands(book, step)
    for what in (*tables._TABLES, *tables._PICTURES):
        try:
            made = book.show(what)
        except Exception as error:
            seen.error(error)
        else:
            seen.take(what, made)
    seen.take("title", book._title())
    seen.take("summary", book.summary())
    for shown in displayed:
        seen.take("outcome", shown)
    displayed.clear()
    return host


def _commands(book: Book, step: str) -> None:
    """No script that goes back to the host has a string of the host's in it but as one quoted word."""
    for action in book._steps[step].plan(book.params, book.facts).actions:
        argv = action.argv if isinstance(action, Run) else ()
        if argv[:1] == ("sh",):
            script = argv[2]
            quoted = [word for word in shlex.split(script) if MARK in word]
            left = script
            for word in quoted:
                left = left.replace(shlex.quote(word), "")
            assert MARK not in left, script


@pytest.fixture
def displayed(monkeypatch):
    """Return what cells display, as they would show it."""
    found: list = []
    monkeypatch.setattr("IPython.display.display", lambda shown, **_: found.append(shown))
    return found


@pytest.mark.parametrize("notebook", notebooks())
def test_nothing_that_a_host_says_is_more_than_text(notebook, displayed, tmp_path):
    """Plans, outcomes, tables, pictures and errors of many hostile hosts: no element, attribute or control is theirs."""
    seen, wanted = Seen(), REACHED.get(notebook, set())
    for seed in range(MOST):
        if seed >= WORLDS and all(seen.counts[what] for what in wanted):
            break
        try:
            play(seen, notebook, seed, displayed, Journal(tmp_path / "journal.jsonl"))
        except AssertionError as error:
            raise AssertionError(f"{notebook}, seed {seed}: {error}") from error
    assert {what for what in wanted if not seen.counts[what]} == set()
