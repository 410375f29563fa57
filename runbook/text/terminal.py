"""The way out to a terminal: the command line's standard output and error, on a terminal or through a pipe.

While `guarded` lasts, nothing that is written to either acts: every character that would stands as its escape,
whoever writes it, a log or an error too. Colours of our own come from `say` and
`paint`, lines that move from `runbook.text.console`; what they are given is made visible first.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, cast

import click

from runbook.text.visible import visible


class Guard:
    """A stream that makes all that is written to it visible; for all else it is the stream behind it."""

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def write(self, text: str | bytes) -> int:
        """Write a text; return how much of it was taken: all. Click's completion writes bytes, which go no other way."""
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        self.behind.write(visible(shown))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write some texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would go around
            raise AttributeError(name)
        return getattr(self.behind, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and error, and the traceback of what nobody catches."""
    before = sys.stdout, sys.stderr
    mine = tuple(cast(TextIO, Guard(behind(stream))) for stream in before)
    sys.stdout, sys.stderr = mine
    sys.excepthook = _show_error
    try:
        yield
    finally:
        # What click put around a broken pipe stays until the end.
        sys.stdout = before[0] if sys.stdout is mine[0] else sys.stdout
        sys.stderr = before[1] if sys.stderr is mine[1] else sys.stderr


def behind(stream: TextIO) -> TextIO:
    """Return the stream that a guard stands before."""
    return stream.behind if isinstance(stream, Guard) else stream


def say(text: str, *, fg: str | None = None, err: bool = False, nl: bool = True) -> None:
    """Write a text in one of click's colours; nothing in it acts."""
    text = click.style(visible(text), fg=fg) if fg else visible(text)
    click.echo(text, file=behind(sys.stderr if err else sys.stdout), nl=nl)


def paint(*parts: tuple[str, str | None], err: bool = False) -> None:
    """Write a line of words, each in its colour; nothing in them acts."""
    for text, fg in parts:
        say(text, fg=fg, err=err, nl=False)
    say("", err=err)


def _show_error(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, where))
    behind(sys.stderr).write(visible(text))
