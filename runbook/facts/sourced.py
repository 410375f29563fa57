"""The files that /etc/network/interfaces takes in: those that are in force, word for word, and what was not read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from runbook.facts.interfaces import FILE, MARK, Paragraph, paragraphs
from runbook.model.ask import Ask, Facts

FOLDERS = (
    "/etc/network",
    "/etc/network/interfaces.d",
    "/etc/network/interfaces.d/*",
    "/run/network/interfaces.d",
)
"""Where files are read; Debian's own images name the last."""
FILES = Ask.files(*(f"{folder}/*" for folder in FOLDERS))

COMMANDS = (Ask.read(FILE), FILES)

_KEYWORDS = ("source", "source-directory", "source-dir")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NOT_A_PATH = re.compile(r"[$`~\\\"'{}]")


@dataclass(frozen=True)
class Sourced:
    """What ifup reads."""

    files: Mapping[str, str]
    """Text by path, /etc/network/interfaces first. A file that no line names sleeps, and is none of them."""
    unread: tuple[str, ...]
    """What a line takes in that was not read here, or that is not there."""

    @property
    def marked(self) -> tuple[str, ...]:
        """Those that begin with a byte order mark, for which ifup reads nothing of all."""
        return tuple(path for path, text in self.files.items() if text.startswith(MARK))


def parse(facts: Facts) -> Sourced:
    """Return the files of the facts."""
    return follow({**facts.files(FILES), FILE: facts.text(FILE) or ""})


def follow(texts: Mapping[str, str]) -> Sourced:
    r"""Return those of some files that are in force, in the order in which ifup reads them.

    `source` takes patterns of the shell and passes over folders; `source-directory` takes the files of a folder whose
    names are letters, digits, _ and - (interfaces(5); seen with ifquery).

    >>> found = follow({FILE: "source interfaces.d/*.cfg\nsource /srv/a", "/etc/network/interfaces.d/a.cfg": "auto a\n"})
    >>> list(found.files), found.unread
    (['/etc/network/interfaces', '/etc/network/interfaces.d/a.cfg'], ('/srv/a',))
    """
    files: dict[str, str] = {}
    unread: dict[str, None] = {}
    todo = [FILE]
    while todo:
        path = todo.pop(0)
        if path not in files:
            files[path] = texts.get(path, "")
            named = [one for paragraph in paragraphs(files[path], path) for one in _named(paragraph)]
            unread |= {pattern: None for pattern, _ in named if not _is_read(pattern, texts)}
            todo = [*(one for name in named for one in _taken(*name, texts)), *todo]
    return Sourced(files, tuple(unread))


def in_order(files: Mapping[str, str], path: str = FILE) -> Iterator[Paragraph]:
    r"""Yield the paragraphs of files that are in force as ifup meets them, those taken in where the line stands.

    >>> files = {FILE: "source interfaces.d/*\nauto b\n", "/etc/network/interfaces.d/a": "auto a\n"}
    >>> [p.words for p in in_order(files)]
    [('a',), ('b',)]
    """
    for paragraph in paragraphs(files[path], path):
        named = [one for name in _named(paragraph) for one in _taken(*name, files)]
        if not named and paragraph.keyword not in _KEYWORDS:
            yield paragraph
        for one in named:
            yield from in_order({p: text for p, text in files.items() if p != path}, one)


def _taken(pattern: str, is_folder: bool, texts: Mapping[str, str]) -> list[str]:
    """Return the paths that a pattern takes in, in the order of the shell."""
    return [
        one
        for one in sorted(texts)
        if _matches(one, pattern) and (not is_folder or _PLAIN_NAME.fullmatch(posixpath.basename(one)))
    ]


def _named(paragraph: Paragraph) -> Iterator[tuple[str, bool]]:
    """Yield the absolute patterns that a line takes in; True for the files of a folder."""
    is_folder = paragraph.keyword != "source"
    for word in paragraph.words if paragraph.keyword in _KEYWORDS else ():
        if len(word) > 2 and word[0] == word[-1] and word[0] in "\"'" and not re.search(r"[*?\[]", word):
            word = word[1:-1]
        if _NOT_A_PATH.search(word):
            yield word, is_folder
            continue
        pattern = posixpath.normpath(posixpath.join(posixpath.dirname(paragraph.file), word))
        yield (f"{pattern}/*" if is_folder else pattern), is_folder


def _is_read(pattern: str, texts: Mapping[str, str]) -> bool:
    folder = posixpath.dirname(pattern)
    if not re.search(r"[*?\[]", pattern):
        return pattern in texts
    if folder in FOLDERS:
        return True
    return not re.search(r"[*?\[]", folder) and any(_matches(folder, one) for one in FOLDERS)


def _matches(path: str, pattern: str) -> bool:
    """Return whether the shell takes a path for a pattern: part by part, and no hidden one for a wildcard."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        fnmatchcase(part, want) and (not part.startswith(".") or want.startswith("."))
        for part, want in zip(parts, wanted, strict=True)
    )
