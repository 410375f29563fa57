"""What the runbook's errors and Xen's messages mean: one source, for the page, the command and the hints.

The texts are the Markdown files in this folder. An entry is

    ## R501 The host is not reached
    error: HostError
    says: Cannot reach …

and three paragraphs: what you see, what it means, what to do. `error` is the class of the error; an entry
without `says` speaks for all of a class. In `says`, `…` stands for anything.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PAGE = "docs/errors.md"
FILES = ("failed", "parameters", "refused", "host", "xen")


@dataclass(frozen=True)
class Entry:
    """One code with its text. `error` is '' for what Xen, libxl or the kernel say."""

    code: str
    title: str
    section: str
    error: str
    says: tuple[str, ...]
    see: str
    means: str
    do: str


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries in their order. Raises `ValueError` for one that has not the form above."""
    texts = (files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8") for name in FILES)
    return tuple(entry for text in texts for entry in _parse(text))


def is_code(word: str) -> bool:
    """Return whether a word looks like an entry's code.

    >>> is_code("r501"), is_code("loaded")
    (True, False)
    """
    return re.fullmatch(r"[A-Za-z]\d+", word) is not None


def find(code: str) -> Entry | None:
    """Return the entry of a code, in whatever case it is written."""
    return next((entry for entry in entries() if entry.code == code.upper()), None)


def for_error(name: str, message: str) -> Entry | None:
    """Return the entry that says most about an error: of its very words, else of its class.

    `name` is the name of its class, `message` all that it says. An entry of another class never fits, however
    alike the words are. None for an error that is not the runbook's.
    """
    specific = [entry for entry in entries() if entry.error == name and entry.says]
    for line in message.splitlines():
        fits = {entry: fit for entry in specific if (fit := _fit(entry, _bare(line), whole=True))}
        if fits:
            return max(fits, key=lambda entry: fits[entry])
    return next((entry for entry in entries() if entry.error == name and not entry.says), None)


def in_text(text: str) -> list[Entry]:
    """Return the entries of Xen's, libxl's and the kernel's messages in a text, in the text's order."""
    found: dict[str, Entry] = {}
    for line in text.splitlines():
        fits = {e: fit for e in entries() if not e.error and (fit := _fit(e, line, whole=False))}
        if fits:
            best = max(fits, key=lambda entry: fits[entry])
            found[best.code] = best
    return list(found.values())


def explaining(message: str) -> list[Entry]:
    """Return the entries of all messages in a pasted text: Xen's, and the runbook's own."""
    own = {entry.error for entry in entries() if entry.error}
    found = {entry.code: entry for entry in in_text(message)}
    for line in message.splitlines():
        for name in sorted(own):
            entry = for_error(name, line)
            if entry is not None and entry.says:
                found[entry.code] = entry
    return list(found.values())


def hint(name: str, message: str) -> str:
    """Return what follows an error's message: a line that leads to its entries, '' when there are none.

    >>> hint("HostError", "Cannot reach root@victory")
    '\\n  more: runbook explain R501'
    """
    own = for_error(name, message)
    codes = [entry.code for entry in (own, *in_text(message)) if entry]
    return f"\n  more: runbook explain {' '.join(codes)}" if codes else ""


def near(text: str) -> list[Entry]:
    """Return up to five entries that may be meant by a code or words that nothing fits exactly."""
    if is_code(text):
        codes = difflib.get_close_matches(text.upper(), [e.code for e in entries()], n=5, cutoff=0.5)
        return [entry for code in codes if (entry := find(code))]
    wanted = set(_tokens(text))
    own = {entry: set(_tokens(" ".join((entry.title, *entry.says)))) for entry in entries()}
    known = [entry for entry in own if wanted & own[entry]]
    # Of two with as many of the words, the one that says less besides is meant.
    return sorted(known, key=lambda entry: (-len(wanted & own[entry]), len(own[entry])))[:5]


def _parse(text: str) -> Iterator[Entry]:
    section = ""
    for block in re.split(r"(?m)^(?=##? )", text):
        if block.startswith("# "):
            section = block.splitlines()[0][2:]
        elif block.startswith("## "):
            yield _entry(section, block)


def _entry(section: str, block: str) -> Entry:
    head, _, body = block.strip().partition("\n\n")
    title, *labelled = head.splitlines()
    pairs = [line.partition(": ")[::2] for line in labelled]
    paragraphs = body.split("\n\n")
    named = re.fullmatch(r"## ([RX]\d+) (\S.*)", title)
    if named is None or len(paragraphs) != 3 or {key for key, _ in pairs} - {"error", "says"}:
        raise ValueError(f"the entry '{title}' has not the form that runbook/help says")
    error = next((value for key, value in pairs if key == "error"), "")
    says = tuple(value for key, value in pairs if key == "says")
    return Entry(named[1], named[2], section, error, says, *paragraphs)


def _fit(entry: Entry, line: str, *, whole: bool) -> int:
    """Return how many letters of an entry's messages a line has in their places, 0 when none fits."""
    match = re.Pattern.fullmatch if whole else re.Pattern.search
    return max((len(message) for message in entry.says if match(_pattern(message), line)), default=0)


@cache
def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in message.split("…")), re.IGNORECASE)


def _bare(line: str) -> str:
    """Return a line of an error without what stands around its words.

    >>> _bare("hide_devices: There is no device at 0000:03:00.0 (a card) (and 2 more)")
    'There is no device at 0000:03:00.0 (a card)'
    """
    return re.sub(
        r"^(?:[a-z]+_[a-z_]+: |where: |why: |do: )?(.*?)(?: \(and \d+ more\))?$", r"\1", line.strip()
    )


def _tokens(text: str) -> Iterable[str]:
    return (word for word in re.findall(r"[a-z0-9_-]{3,}", text.lower()))
