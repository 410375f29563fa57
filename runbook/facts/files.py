"""What stands at some paths: kind, mode and owner."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts


@dataclass(frozen=True)
class Entry:
    """One thing in the file system; a symbolic link shows what it leads to."""

    path: str
    mode: str
    """Four octal digits, such as `0440`."""
    owner: str
    """`user:group`."""
    kind: str
    """`f` for a file, `d` for a folder, as in find(1) %Y; `N` for a link that leads nowhere."""


def commands(*paths: str) -> tuple[Ask, ...]:
    """Return the question about some paths."""
    return (Ask.run("find", *paths, "-maxdepth", "0", "-printf", "%m %u:%g %Y %p\\n"),)


def parse(facts: Facts, *paths: str) -> dict[str, Entry]:
    """Return what exists, by path; `paths` as given to `commands`."""
    return {entry.path: entry for entry in entries(facts[commands(*paths)[0]].out)}


def entries(text: str) -> list[Entry]:
    """Return what an answer says exists."""
    return [_entry(line) for line in text.splitlines()]


def _entry(line: str) -> Entry:
    """Return one line's entry.

    >>> _entry("440 root:root f /etc/sudoers.d/xl")
    Entry(path='/etc/sudoers.d/xl', mode='0440', owner='root:root', kind='f')
    """
    mode, owner, kind, path = line.split(" ", 3)
    return Entry(path, mode.zfill(4), owner, kind)
