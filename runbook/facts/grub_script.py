"""A grub.cfg as GRUB reads it: words, quotes, comments and blocks of its script (grub manual, "Writing full configuration files directly")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Every alternative begins with another character, so a text is read once, however long it is.
_TOKEN = re.compile(
    r"""[ \t\r]+ | \\\r?\n | \#[^\n]* | (?P<end>[\n;&|<>]) | (?P<brace>[{}])
    | (?P<word>(?: [^{}|&$;<>\s'"\\] | \$\{[^}\n]*\} | \$ | \\. | '[^']*' | "(?:[^"\\]|\\.)*" | ['"\\] )+)""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"""'([^']*)' | "((?:[^"\\]|\\.)*)" | \\(.) | ([^'"\\]+ | .)""", re.VERBOSE | re.DOTALL)
_DEEPEST = 40
_BEFORE_A_COMMAND = ("if", "then", "else", "elif", "while", "until", "do", "fi", "done", "!")


@dataclass(frozen=True)
class Command:
    """One command with its words, unquoted, and the commands of the block behind it."""

    words: tuple[str, ...]
    block: list[Command] = field(default_factory=list)


def commands(text: str) -> list[Command]:
    """Return the commands of a script in order; both ways of a condition are among them.

    >>> commands('menuentry "Re boot" { reboot } # now')
    [Command(words=('menuentry', 'Re boot'), block=[Command(words=('reboot',), block=[])])]
    """
    return list(_block(_tokens(text), _DEEPEST))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(text):
        if found.lastgroup:
            yield found.lastgroup, found[0]
    yield "end", "\n"


def _block(tokens: Iterator[tuple[str, str]], deeper: int) -> Iterator[Command]:
    """Yield the commands up to the brace that ends this block; no menu has blocks `_DEEPEST` deep."""
    words: list[str] = []
    for kind, text in tokens:
        if kind == "word":
            if words or text not in _BEFORE_A_COMMAND:
                words.append(_plain(text))
            continue
        block = list(_block(tokens, deeper - 1)) if text == "{" and deeper else []
        if words or block:
            yield Command(tuple(words), block)
        words = []
        if text == "}":
            return


def _plain(word: str) -> str:
    """Return a word without its quotes; variables stay as they are written."""
    return "".join(
        single or re.sub(r"\\([$\"\\\n])", r"\1", double or "") or escaped or bare or ""
        for single, double, escaped, bare in _PART.findall(word)
    )
