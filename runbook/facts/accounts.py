"""People's accounts: whether they exist, their groups, and the keys that let them in."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts import files
from runbook.facts.files import Entry
from runbook.model.ask import Ask, Facts

_GROUPS = Ask.run("getent", "group")


@dataclass(frozen=True)
class Account:
    """One account."""

    name: str
    uid: int
    home: str
    shell: str
    groups: frozenset[str]
    """The groups that name it as a member."""
    keys: str
    """The text of its authorized_keys, '' when there is none."""
    folder: Entry | None
    """Its .ssh."""
    file: Entry | None
    """Its authorized_keys."""


def commands(*names: str) -> tuple[Ask, ...]:
    """Return the questions about some accounts, all of them in /home."""
    if not names:
        return ()
    reads = (Ask.read(path) for path in _paths(*names)[1::2])
    return (Ask.run("getent", "passwd", *names), _GROUPS, *files.commands(*_paths(*names)), *reads)


def parse(facts: Facts, *names: str) -> tuple[dict[str, Account], frozenset[str]]:
    """Return the accounts that exist, by name, and all groups; `names` as given to `commands`."""
    if not names:
        return {}, frozenset()
    there = files.parse(facts, *_paths(*names))
    members = {row[0]: row[3].split(",") for row in _rows(facts[_GROUPS].out, 4)}
    found = {}
    for name, _, uid, _, _, home, shell in _rows(facts[Ask.run("getent", "passwd", *names)].out, 7):
        folder, file = _paths(name)
        groups = frozenset(group for group, names_in in members.items() if name in names_in)
        found[name] = Account(
            name, int(uid), home, shell, groups, facts.text(file) or "", there.get(folder), there.get(file)
        )
    return found, frozenset(members)


def _rows(text: str, fields: int) -> list[list[str]]:
    """Return the rows of passwd(5) or group(5).

    >>> _rows("sudo:x:27:carlos,ana\\n", 4)
    [['sudo', 'x', '27', 'carlos,ana']]
    """
    return [row for line in text.splitlines() if len(row := line.split(":")) == fields]


def _paths(*names: str) -> tuple[str, ...]:
    return tuple(f"/home/{name}/.ssh{file}" for name in names for file in ("", "/authorized_keys"))
