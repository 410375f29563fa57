"""What the runbook's errors and Xen's messages mean: one source, for the page, the command and the hints.

The texts are the Markdown files in this folder. An entry is

    ## R501 The host is not reached
    error: HostError
    says: Cannot reach …
    is: consequence

and three paragraphs: what you see, what it means, what to do. `error` is the class of the error; an entry
without `says` speaks for all of a class. In `says`, `…` stands for anything. `is` tells, of a line of Xen's or the kernel's,
whether it only follows from another (`consequence`) or is no reason at all (`remark`); without it, it is a cause.
"""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain

PAGE = "docs/errors.md"
FILES = ("failed", "parameters", "refused", "host", "xen", "starting", "hypervisor", "kernel")
ROLES = ("cause", "consequence", "remark")
"""What a known line of a log is, in the order in which they are told."""


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
    role: str = "cause"
    """One of `ROLES`."""


@dataclass(frozen=True)
class Reading:
    """What of a log is known."""

    lines: int
    """How many lines it has that are not empty."""
    known: tuple[tuple[Entry, int], ...]
    """The entries and how many lines lead to each: causes first, then what follows from them, then remarks."""
    unknown: tuple[str, ...]
    """The lines that nothing explains, in their order."""

    def count(self, role: str) -> int:
        """Return how many lines are of a role."""
        return sum(n for entry, n in self.known if entry.role == role)


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries in their order. Raises `ValueError` for one that has not the form above."""
    texts = (files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8") for name in FILES)
    return tuple(entry for text in texts for entry in _parse(text))


def is_code(word: str) -> bool:
    """Return whether a word looks like an entry's code, or like the number of one.

    >>> is_code("r501"), is_code("501"), is_code("loaded")
    (True, True, False)
    """
    return re.fullmatch(r"[A-Za-z]?\d+", word) is not None


def find(code: str) -> Entry | None:
    """Return the entry of a code, in whatever case it is written; of a number alone the runbook's own before Xen's.

    >>> [find(code).code for code in ("r501", "501", "14")]
    ['R501', 'R501', 'X14']
    """
    meant = (code.upper(), f"R{code}", f"X{code}")
    return next((entry for entry in entries() if entry.code in meant), None)


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
    found = (_of_line(line) for line in text.splitlines())
    return list(dict.fromkeys(entry for entry in found if entry))


def read(text: str) -> Reading:
    """Return what of a pasted text is known, line by line: Xen's messages, and the runbook's own.

    >>> reading = read("Parsing config from x\\nlibxl: error: unable to add pci devices\\nqemu refused to add device: 1\\n")
    >>> [(entry.code, n) for entry, n in reading.known], reading.unknown
    ([('X25', 1), ('X26', 1)], ('Parsing config from x',))
    """
    counted: dict[Entry, int] = {}
    unknown = []
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines:
        found = _of_line(line)
        of_line = [found] if found else _own(line)
        for entry in of_line:
            counted[entry] = counted.get(entry, 0) + 1
        if not of_line:
            unknown.append(line)
    known = sorted(counted.items(), key=lambda item: ROLES.index(item[0].role))
    return Reading(len(lines), tuple(known), tuple(unknown))


def _of_line(line: str) -> Entry | None:
    """Return the entry of Xen's, libxl's or the kernel's message in a line: of several the one that says most."""
    fits = {e: fit for e in entries() if not e.error and (fit := _fit(e, line, whole=False))}
    return max(fits, key=lambda entry: fits[entry]) if fits else None


def _own(line: str) -> list[Entry]:
    """Return the entries of the runbook's own errors whose words a line has."""
    own = sorted({entry.error for entry in entries() if entry.error})
    found = (for_error(name, line) for name in own)
    return [entry for entry in dict.fromkeys(found) if entry and entry.says]


def hint(name: str, message: str) -> str:
    """Return what follows an error's message: a line that leads to its entries, '' when there are none.

    >>> hint("HostError", "Cannot reach root@victory")
    '\\n  more: runbook explain R501'
    """
    own = for_error(name, message)
    codes = [entry.code for entry in (own, *in_text(message)) if entry]
    return f"\n  more: runbook explain {' '.join(codes)}" if codes else ""


def near(text: str) -> list[Entry]:
    """Return up to five entries that are really near: a code with a slip, a message with one, or all of its words.

    Words that stand in many messages (device, failed, domain) prove nothing: an entry is near when it has every word that was
    searched for, or when one of its messages is nearly the text itself. Else nothing is returned.
    """
    if is_code(text):
        return _near_code(text.upper())
    if searched := _with_words(text):
        return searched[:5]
    slips = {
        entry: max((_alike(wording, text) for wording in entry.says), default=0.0) for entry in entries()
    }
    return [entry for entry in sorted(slips, key=lambda e: -slips[e]) if slips[entry] > _NEAR][:5]


def _near_code(code: str) -> list[Entry]:
    """Return up to five entries whose codes begin so, then those of a slip, then others of its class.

    >>> [[entry.code for entry in _near_code(code)][:2] for code in ("R70", "E501", "X198", "R599", "799")]
    [['R700', 'R701'], ['R501', 'X51'], ['X98', 'X19'], ['R509', 'R552'], ['X99', 'X79']]
    """
    letter, number = code.rstrip("0123456789"), code.lstrip(string.ascii_uppercase)
    known = {e: e.code[1:] for e in entries() if e.code[0] == letter} or {e: e.code[1:] for e in entries()}
    slips = difflib.get_close_matches(number, known.values(), n=5, cutoff=0.6)
    ranked = (
        (e for e, own in known.items() if own.startswith(number)),
        (e for slip in slips for e, own in known.items() if own == slip),
        sorted(
            (e for e, own in known.items() if own[0] == number[0]),
            key=lambda e: abs(int(known[e]) - int(number)),
        ),
    )
    return list(dict.fromkeys(chain(*ranked)))[:5]


_NEAR = 0.8
"""How much of a message must be the text, of 1."""
_SEARCH = 10
"""Up to so many words are a search; more are a message."""


def _alike(wording: str, text: str) -> float:
    """Return how alike a message and a text are, 0 for messages too short to tell."""
    plain = wording.replace("…", "").lower()
    if len(plain) < 12 or not text:
        return 0.0
    matcher = difflib.SequenceMatcher(None, plain, text.lower(), autojunk=False)
    if matcher.real_quick_ratio() < 0.3:  # a message in the middle of a longer line is a short part of it
        return 0.0
    matched = sum(block.size for block in matcher.get_matching_blocks() if block.size > 3)
    return matched / len(plain) * min(1.0, 3 * len(plain) / len(text))


def _with_words(text: str) -> list[Entry]:
    """Return the entries that have all words of a search in one line, the shortest first; of a message, nothing."""
    wanted = set(_tokens(text))
    if not wanted or len(wanted) > _SEARCH:
        return []
    own = {e: [set(_tokens(line)) for line in (e.title, *e.says)] for e in entries()}
    lengths = {e: min((len(one) for one in own[e] if wanted <= one), default=0) for e in own}
    return sorted((e for e in own if lengths[e]), key=lambda e: lengths[e])


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
    if named is None or len(paragraphs) != 3 or {key for key, _ in pairs} - {"error", "says", "is"}:
        raise ValueError(f"the entry '{title}' has not the form that runbook/help says")
    error = next((value for key, value in pairs if key == "error"), "")
    says = tuple(value for key, value in pairs if key == "says")
    role = next((value for key, value in pairs if key == "is"), "cause")
    if role not in ROLES or (error and role != "cause"):
        raise ValueError(f"the entry '{title}' is said to be a {role}")
    see, means, do = paragraphs
    return Entry(named[1], named[2], section, error, says, see, means, do, role)


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
