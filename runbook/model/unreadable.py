"""Answers that cannot be understood: one error for all parsers, which need to know nothing of it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from runbook.errors import RunbookError, UnreadableAnswer
from runbook.model.ask import Answer, Ask, Facts

_OURS = (NameError, ImportError, OSError, MemoryError)
"""What no answer can cause: it stays what it is."""
_STATUS = {
    124: "it took too long and was ended",
    126: "it cannot be run there",
    127: "there is no such command there",
}
_ROOT = Path(__file__).parents[2]


@contextmanager
def reading() -> Iterator[None]:
    """Raise `UnreadableAnswer` for every error of Python's own that comes up while facts are read.

    Which facts, and which answer, is seen from where it came up. What comes up elsewhere stays what it is.
    """
    try:
        yield
    except (RunbookError, *_OURS):
        raise
    except Exception as error:
        found = unreadable(error)
        if found is None:
            raise
        raise found from error


def unreadable(error: Exception) -> UnreadableAnswer | None:
    """Return the error for a person, None when nothing that was at work had facts of a host in its hands."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][::-1]
    for frame in frames:
        facts = next((value for value in frame.f_locals.values() if isinstance(value, Facts)), None)
        if facts is not None and facts.read:
            ask = _culprit(facts, frames)
            return _error(ask, facts[ask], facts.of, error)
    return None


def cause_of(error: BaseException) -> str:
    """Return Python's own error behind an unreadable answer, with its place, for a developer; '' for any other error.

    >>> cause_of(ValueError("x"))
    ''
    """
    if not isinstance(error, UnreadableAnswer) or error.__cause__ is None:
        return ""
    cause = error.__cause__
    return f"{_cause(cause)} at {_place(cause.__traceback__)}"


def _culprit(facts: Facts, frames: list[FrameType]) -> Ask:
    """Return the question whose answer was being understood: what is in hand was said by it, else the last that was read."""
    asks = [*facts.read][::-1]
    for frame in frames:
        values = frame.f_locals.values()
        for value in values:
            if isinstance(value, Answer):
                return next((ask for ask in asks if facts[ask] is value), asks[0])
        for value in filter(_is_telling, values):
            tellers = [ask for ask in asks if value in facts[ask].out]
            if tellers:
                return tellers[0]
        if any(value is facts for value in values):
            break
    return asks[0]


def _is_telling(value: Any) -> bool:
    return isinstance(value, str) and len(value.strip()) > 3


def _error(ask: Ask, answer: Answer, host: str, error: Exception) -> UnreadableAnswer:
    end = _STATUS.get(answer.status, f"it ended with status {answer.status}") if answer.status else ""
    output = (answer.out or answer.err).strip()
    begins = f"it begins with {output[:80]!r}" if output else "it said nothing"
    is_file = ask.kind == "read"
    # A capture answers in the place of the machine that it was taken from.
    on = f"the machine that {host} was taken from" if host.startswith("the capture ") else "the host"
    by_hand = f"read {ask.argv[0]}" if is_file else f"run `{_cut(ask.key)}`"
    return UnreadableAnswer(
        f"The content of {ask.argv[0]} cannot be understood"
        if is_file
        else f"The answer to `{_cut(ask.key)}` cannot be understood",
        where=", ".join(filter(None, [host, _place(error.__traceback__)])),
        why="; ".join(filter(None, [end, begins, _cause(error)])),
        do=f"{by_hand} on {on}. If what it says is cut, garbled or a complaint, mend what says so there, then run "
        "again; if it is right, it is a fault of the runbook: report it with that output",
    )


def _cause(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:120]!r}"


def _place(trace: TracebackType | None) -> str:
    """Return the innermost line of the runbook's own, as `runbook/facts/pci.py:88`."""
    ours = [
        (Path(frame.f_code.co_filename), line)
        for frame, line in traceback.walk_tb(trace)
        if Path(frame.f_code.co_filename).is_relative_to(_ROOT / "runbook")
    ]
    return f"{ours[-1][0].relative_to(_ROOT)}:{ours[-1][1]}" if ours else ""


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:159] + "…"
