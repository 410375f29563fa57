"""Secrets kept out of all that is written or shown: a value that was fetched is masked in whatever form it comes.

What a process knows is kept in `KNOWN`, and stays known until the process ends: a value that was
fetched once may come out anywhere later, on any thread. It is the only such thing in the package.
"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import Any

from runbook.redaction.forms import base64_forms, forms

LEAST = 8
"""The shortest secret, in characters: to mask a shorter one everywhere would make reports unreadable."""
CHANNEL = "RUNBOOK_SECRETS"
"""The environment variable that names the pipe to the process that writes the report: `handle:inode`."""
_MARK = re.compile(r"\[secret (?:env|file|command|typed):[\w./~-]*\]")
_BREAK = r"(?:\r?\n[ \t]*)?"


def mark(reference: str) -> str:
    """Return what stands in the place of a secret; of a command only its name.

    >>> mark("env:ROOT_HASH"), mark("command:pass show 'root'")
    ('[secret env:ROOT_HASH]', '[secret command:pass]')
    """
    kind, _, rest = reference.partition(":")
    name = rest if kind != "command" else "".join(rest.split()[:1])
    return f"[secret {kind}:{re.sub(r'[^A-Za-z0-9_./~-]', '_', name)}]"


def has_mark(text: str) -> bool:
    """Return whether something was masked in a text."""
    return _MARK.search(text) is not None


class Redactor:
    """Knows values and masks them."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._wrapped: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._firsts: frozenset[str] = frozenset()
        self._window = 0

    def learn(self, reference: str, value: str) -> bool:
        """Mask a value from now on; return False, and forget it, when it is too short for that."""
        if len(value) < LEAST:
            return False
        if value not in self._marks:
            shown = mark(reference) if value not in reference else mark("command:")
            marks = {**dict.fromkeys(forms(value), shown), **self._marks}
            wrapped = self._wrapped | base64_forms(value)
            longest_first = sorted(marks, key=len, reverse=True)
            parts = (_BREAK.join(map(re.escape, f)) if f in wrapped else re.escape(f) for f in longest_first)
            self._marks, self._wrapped = marks, wrapped
            self._firsts, self._window = frozenset(form[0] for form in marks), 2 * len(longest_first[0])
            self._pattern = re.compile("|".join(parts))
        return True

    def text(self, text: str) -> str:
        """Return a text with every known value masked."""
        return self._pattern.sub(self._mark_of, text) if self._pattern else text

    def clean(self, value: Any) -> Any:
        """Return a value of dictionaries, lists and texts with every text masked."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.clean(inner) for key, inner in value.items()}
        return [self.clean(inner) for inner in value] if isinstance(value, list | tuple) else value

    def held_from(self, text: str) -> int:
        """Return where the end of a text begins that may be the beginning of a known value: `len(text)` if none."""
        if self._pattern is None:
            return len(text)
        near = range(max(0, len(text) - self._window), len(text))
        at = next((i for i in near if text[i] in self._firsts and self._begins(text[i:])), len(text))
        # A whole value that ends in its own beginning is not torn.
        return min([at, *(m.start() for m in self._pattern.finditer(text) if m.end() > at)])

    def mark_of_beginning(self, text: str) -> str:
        """Return the mark of the value that a text is the beginning of, '' when it is of none."""
        return next((mark for form, mark in self._marks.items() if self._is_beginning(form, text)), "")

    def _begins(self, tail: str) -> bool:
        return any(self._is_beginning(form, tail) for form in self._marks)

    def _is_beginning(self, form: str, tail: str) -> bool:
        letters = re.sub(r"\s", "", tail) if form in self._wrapped else tail
        return len(letters) < len(form) and form.startswith(letters)

    def _mark_of(self, match: re.Match[str]) -> str:
        return self._marks.get(match[0]) or self._marks[re.sub(r"\s", "", match[0])]


class Stream:
    """Masks a text that comes in pieces, also a value that is torn between two of them.

    Only the end that could be the beginning of a value waits for the next piece.
    """

    def __init__(self, known: Redactor) -> None:
        self._known, self._held = known, ""

    def feed(self, text: str) -> str:
        """Return what can be shown after one more piece."""
        text = self._held + text
        at = self._known.held_from(text)
        self._held = text[at:]
        return self._known.text(text[:at])

    def end(self) -> str:
        """Return what was still held back; the beginning of a value that never came whole is masked too."""
        held, self._held = self._known.text(self._held), ""
        is_much = len(held) >= LEAST and not has_mark(held)
        return (is_much and self._known.mark_of_beginning(held)) or held


KNOWN = Redactor()


def learn(reference: str, value: str) -> bool:
    """Mask a value in this process, and in the one that writes the report; return False when it is too short."""
    if not KNOWN.learn(reference, value):
        return False
    handle = _channel()
    if handle is not None:
        os.write(handle, (json.dumps([reference, value]) + "\n").encode())
    return True


def _channel() -> int | None:
    """Return the handle of the pipe to the report's writer, None where there is none.

    A process further down inherits the variable and not the pipe, and may have another file at that handle.
    """
    handle, _, inode = os.environ.get(CHANNEL, "").partition(":")
    try:
        found = os.fstat(int(handle))
    except (OSError, ValueError):
        return None
    return int(handle) if stat.S_ISFIFO(found.st_mode) and str(found.st_ino) == inode else None
