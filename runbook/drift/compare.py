"""Two looks at a host, or at two hosts, and each difference between them in one line."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator, Sized
from dataclasses import dataclass

from runbook.drift import rest
from runbook.drift.answers import Noted
from runbook.drift.named import Thing, Things
from runbook.drift.things import WATCHED, Watched
from runbook.errors import RunbookError, UnreadableAnswer
from runbook.model.ask import Facts
from runbook.model.unreadable import cause_of, reading

log = logging.getLogger("runbook.drift")
_LONGEST = 110


@dataclass(frozen=True)
class Change:
    """One thing that is not what it was: `difference` is the line for people, `diff` the texts' difference."""

    kind: str
    name: str
    difference: str
    diff: str = ""
    text: str | None = None
    """For a file, its text now; None when it is gone, or not what changed."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip() + f": {self.difference}"


def counted(changes: Sized) -> str:
    """Return how many there are, in words that begin a sentence.

    >>> counted([]), counted("a"), counted("ab")
    ('Nothing', '1 thing', '2 things')
    """
    number = len(changes)
    return f"{number} thing{'s' if number > 1 else ''}" if number else "Nothing"


def compare(before: Facts, after: Facts) -> list[Change]:
    """Return every difference that lasts, in the order of `WATCHED`; none for an unchanged host."""
    old, new = Noted(before), Noted(after)
    found: list[Change] = []
    for watched in WATCHED:
        earlier, later = things_of(watched, old), things_of(watched, new)
        if earlier is not None and later is not None:
            found += _changes(watched, earlier, later)
    used = old.used | new.used
    text = Watched("answer", lambda _: {})
    found += _changes(text, rest.read(before, used), rest.read(after, used))
    return found


def things_of(watched: Watched, facts: Facts, *, is_strict: bool = False) -> Things | None:
    """Return the things of one kind, None when the facts do not hold what it takes.

    What an earlier version of the runbook kept may be beyond this one: that is None too, unless `is_strict`.
    Then it raises `UnreadableAnswer`.
    """
    try:
        with reading():
            return watched.read(facts)
    except UnreadableAnswer as error:
        if is_strict:
            raise
        log.warning("what was kept about %s cannot be read: %s", watched.read.__qualname__, cause_of(error))
        return None
    except RunbookError:
        return None


def _changes(watched: Watched, earlier: Things, later: Things) -> Iterator[Change]:
    earlier = watched.pair(earlier, later) if watched.pair else earlier
    for name in sorted(earlier.keys() | later.keys()):
        old, new = earlier.get(name), later.get(name)
        if old is None or new is None:
            if watched.is_whole:
                text = watched.new if old is None else watched.gone
                yield Change(watched.kind, name, text + _about(new or old or {}), "", (new or {}).get(""))
        elif fields := [field for field in old if field in new and old[field] != new[field]]:
            text = "; ".join(_difference(field, old[field], new[field]) for field in fields)
            texts = [(old[field], new[field]) for field in fields if "\n" in old[field] + new[field]]
            diff = "\n".join(_diff(a, b) for a, b in texts)
            title = f"{name} ({new['is']})" if watched.pair and "is" not in fields else name
            yield Change(watched.kind, title, text, diff, new[""] if "" in fields else None)


def _about(thing: Thing) -> str:
    """Return in brackets what a thing is that came or went; nothing for a file."""
    parts = [
        value for field, value in thing.items() if field in ("is", "size", "lies on", "leads to") and value
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _difference(field: str, old: str, new: str) -> str:
    what = f"{field} " if field else ""
    if "\n" in old + new:
        return what + _lines(old, new)
    if field.endswith(("boot options", "command line")) or len(old) + len(new) > 2 * _LONGEST:
        gone, came = (
            [w for w in old.split() if w not in new.split()],
            [w for w in new.split() if w not in old.split()],
        )
        if gone or came:
            return f"{what}{_cut(' '.join(gone) or 'nothing')} → {_cut(' '.join(came) or 'nothing')}"
    return f"{what}{_cut(old or 'nothing')} → {_cut(new or 'nothing')}"


def _lines(old: str, new: str) -> str:
    """Return in words how a text changed; a setting that has another value by its name.

    >>> _lines("A=1\\nB=2\\n", "A=1\\nB=3\\n"), _lines("A\\n", "A\\nC\\n")
    ('B changed: 2 → 3', 'added `C`')
    """
    if new == "is not there" or old == "is not there":
        return "gone" if new == "is not there" else "new"
    # Not ndiff, which takes the cube of the lines in time.
    rows = [*difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")][2:]
    gone = [row[1:].strip() for row in rows if row[0] == "-"]
    came = [row[1:].strip() for row in rows if row[0] == "+"]
    rows = [row for row in rows if row[0] != "@"]
    if len(gone) == len(came) == 1:
        pairs = [re.fullmatch(r"([\w.-]+)(\s*[=:]\s*|\s+)(.*)", line) for line in (gone[0], came[0])]
        if pairs[0] and pairs[1] and pairs[0][1] == pairs[1][1]:
            return f"{pairs[0][1]} changed: {_cut(pairs[0][3])} → {_cut(pairs[1][3])}"
        return f"`{_cut(gone[0])}` → `{_cut(came[0])}`"
    if len(rows) == 1:
        return f"added `{_cut(came[0])}`" if came else f"removed `{_cut(gone[0])}`"
    return f"{len(came)} lines added, {len(gone)} removed" if rows else "only blank space or line ends"


def _diff(old: str, new: str) -> str:
    if "is not there" in (old, new):
        return ""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", n=2, lineterm="")
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
