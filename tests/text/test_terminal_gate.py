"""What reaches a terminal or a pipe: every character that acts, or that nobody sees, is shown instead."""

from __future__ import annotations

import io
import json
import logging
import sys
import unicodedata

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from runbook.cli import Guarded, main
from runbook.cli.fleet_show import LiveFleet, PlainFleet
from runbook.cli.progress import Live, Plain
from runbook.errors import ParamsError, Refused, RunbookError
from runbook.evidence.fleets.record import HostState
from runbook.redaction.forms import forms
from runbook.show.pieces import Shown
from runbook.text import terminal
from runbook.text.console import make_console
from runbook.text.visible import visible
from tests.text.hostile import ATTACKS, MARK
from tests.text.inert import plain

WICKED = "".join(ATTACKS)
ANY = st.text(
    st.characters(exclude_categories=()) | st.sampled_from("\x1b\x07\x9b\u202e\r\x00]0;[m"), max_size=60
)
OWN = r"\x1b\[[0-9;?]*[A-Za-z]"


def test_every_character_that_acts_or_is_not_seen_is_shown():
    """Of all of Unicode, controls, formats, halves of a pair and separators are shown; tab and newline stay."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        acts = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in "\n\t"
        assert (visible(char) != char) >= acts, hex(code)
        assert (
            visible(char) == char or unicodedata.category(char)[0] not in "NPZS" or acts or code == 0x2800
        ), hex(code)


@given(ANY)
def test_visible_is_plain_and_twice_is_once(text):
    """What comes out has nothing left that acts, and goes through again unchanged."""
    plain(visible(text))
    assert visible(visible(text)) == visible(text)


@given(ANY)
def test_json_stays_the_same_json(text):
    """A program that reads JSON behind the gate gets what was written before it."""
    for encode in (True, False):
        assert json.loads(visible(json.dumps(text, ensure_ascii=encode))) == json.loads(json.dumps(text))


@given(ANY)
def test_an_error_says_nothing_that_acts(text):
    """What, where, why, do and also of an error are text wherever it is printed, in a notebook too."""
    for error in (
        RunbookError(text, where=text, why=text, do=text, also=(text,)),
        ParamsError(text, others=(Refused(text),)),
    ):
        plain(str(error))
        plain(repr(error.args[0]))
        plain("".join(error._render_traceback_()))


@given(ANY)
def test_what_a_cell_shows_as_text_is_plain(text):
    """The text beside the HTML of an output holds nothing that acts."""
    plain(repr(Shown("", text)))
    plain(Shown("", text)._repr_mimebundle_()["text/plain"])


def test_a_secret_is_known_as_it_is_shown():
    """A value with a control character in it is masked in the form in which the gate shows it."""
    assert visible("p\x9bss\x1bword\x7f") in forms("p\x9bss\x1bword\x7f")


def written(function, *, is_terminal: bool) -> str:
    """Return all that a function writes on both streams of a guarded command."""

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

    before, made = (sys.stdout, sys.stderr), Stream()
    sys.stdout = sys.stderr = made
    try:
        with terminal.guarded():
            function()
    finally:
        sys.stdout, sys.stderr = before
    return made.getvalue()


def log() -> None:
    logger = logging.Logger("hostile")
    logger.addHandler(logging.StreamHandler())
    logger.warning("%s is left out", WICKED)


def bold() -> None:
    table = Table("a", WICKED)
    table.add_row(WICKED, Text(WICKED))
    make_console(soft_wrap=True).print(table, WICKED, Text(WICKED), [WICKED])


WAYS = {
    "print": lambda: print(WICKED),
    "print to stderr": lambda: print(WICKED, file=sys.stderr),
    "click": lambda: click.echo(WICKED),
    "click's error": lambda: click.UsageError(WICKED).show(),
    "say": lambda: terminal.say(WICKED),
    "lines": lambda: sys.stdout.writelines([WICKED]),
    "a log": log,
    "rich": bold,
    "an error that nobody caught": lambda: sys.excepthook(ValueError, ValueError(WICKED), None),
}


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_writing_goes_around(way, is_terminal, monkeypatch):
    """Whoever writes, in whatever way, to a terminal or a pipe: the attacks arrive, and none acts."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("TERM", "dumb")
    assert plain(written(WAYS[way], is_terminal=is_terminal)) > 40


def test_bytes_do_not_go_around():
    """Behind the guard there is no stream of bytes to be had."""

    def bytes_too() -> None:
        assert not hasattr(sys.stdout, "buffer")

    written(bytes_too, is_terminal=True)


def test_own_colours_still_work():
    """What the command says in colour is in colour on a terminal, and a host's colour within it is not."""
    text = written(lambda: terminal.say("bad \x1b[8mhidden", fg="red"), is_terminal=True)
    assert text == "\x1b[31mbad \\x1b[8mhidden\x1b[0m\n"
    assert written(lambda: terminal.say("bad", fg="red"), is_terminal=False) == "bad\n"
    text = written(lambda: terminal.paint(("ok", "green"), (" \x07", None)), is_terminal=True)
    assert text == "\x1b[32mok\x1b[0m \\x07\n"


EVENTS = [
    {"event": "run-begin", "steps": {WICKED: [WICKED]}, "folder": "/nonexistent/run", "mode": "plan"},
    {"event": "notebook-begin", "place": "1/1", "notebook": WICKED, "title": WICKED},
    {"event": "step-begin", "notebook": WICKED, "step": WICKED},
    {"event": "action-begin", "notebook": WICKED, "title": WICKED},
    {"event": "output", "notebook": WICKED, "text": WICKED},
    {
        "event": "step-end",
        "notebook": WICKED,
        "step": WICKED,
        "status": WICKED,
        "seconds": 1.0,
        "message": WICKED,
    },
    {"event": "notebook-end", "place": "1/1", "notebook": WICKED, "status": WICKED, "seconds": 1.0},
]


@pytest.mark.parametrize("live", [True, False], ids=["live", "plain"])
def test_live_lines_are_text(live, monkeypatch):
    """While a step runs nothing that it or the host says acts, with lines that renew themselves and without."""
    import re

    monkeypatch.setenv("TERM", "xterm-256color")

    def run() -> None:
        progress = Live(make_console(width=4000)) if live else Plain(sys.stdout)
        with progress:
            for event in EVENTS:
                progress.event(event)
                if live:
                    progress._live.refresh()
                print(WICKED)  # what a program writes meanwhile

    shown = written(run, is_terminal=live)
    own = {"\x1b[?25l", "\x1b[?25h", "\x1b[2K", "\x1b[1A", "\x1b[1B"}
    codes = set(re.findall(OWN, shown)) - own
    assert all(re.fullmatch(r"\x1b\[(0|1|2|3[1-6]|39|0m|[0-9;]*)m", code) for code in codes), codes
    assert not {"\x1b[8m", "\x1b[2J", "\x1b[H"} & set(re.findall(OWN, shown))
    assert plain(re.sub(OWN, "", shown).replace("\r", "")) > 200


@pytest.mark.parametrize("live", [True, False], ids=["live", "plain"])
def test_lines_of_a_fleet_are_text(live, monkeypatch):
    """So in a fleet: the last line of each host, its end and its message."""
    import re

    monkeypatch.setenv("TERM", "xterm-256color")

    def run() -> None:
        host = HostState(
            host="one",
            params="one.yml",
            digest="0",
            state="failed",
            message=WICKED,
            notebook=WICKED,
            step=WICKED,
        )
        shown = LiveFleet(make_console(width=4000), 1) if live else PlainFleet(sys.stdout)
        with shown:
            for event in ({"event": "host-begin"}, *EVENTS[1:], {"event": "host-end"}):
                shown.event(host, event)
                if live:
                    shown._live.refresh()

    text = re.sub(OWN, "", written(run, is_terminal=live)).replace("\r", "")
    assert plain(text) > 10


def test_every_command_runs_behind_the_guard():
    """The group of all commands opens the gate before it parses; an error of any command comes out as text."""

    @click.group(cls=Guarded)
    def group() -> None:
        """A group."""

    @group.command()
    @click.argument("how")
    def say(how: str) -> None:
        click.echo(WICKED)
        if how == "refuse":
            raise Refused(WICKED, why=WICKED)
        if how == "os":
            raise OSError(5, WICKED, WICKED)

    for how, code in (("well", 0), ("refuse", 3), ("os", 1)):
        done = CliRunner().invoke(group, ["say", how])
        assert (done.exit_code, plain(done.output) > 40) == (code, True)
    assert isinstance(main, Guarded)
    assert CliRunner().invoke(main, ["explain", WICKED.replace("\x00", "")]).output.count(MARK) > 10


def test_names_of_files_are_text(tmp_path):
    """A report folder that somebody handed on has names that act: `verify` and `list` show them."""
    run = tmp_path / "evil\x1b]0;pwn\x07\u202e" / "20260101T000000Z-abcdef"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"host": "\x1b[2Jpwn"}')
    (run / "\x9bpwn").write_text("")
    for words in (["report", "verify", str(tmp_path)], ["report", "list", "--reports", str(tmp_path)]):
        done = CliRunner().invoke(main, words)
        plain(done.output)
        assert done.output
