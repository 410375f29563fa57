"""Finding answers by the shape of their question: what a step asks depends on its parameters."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.model.ask import Answer, Ask, Facts


class Noted(Facts):
    """Facts that note which answers were looked at, so that the rest can be compared as text."""

    def __init__(self, facts: Facts) -> None:
        super().__init__({ask: facts[ask] for ask in facts})
        self.used: set[Ask] = set()

    def __getitem__(self, ask: Ask) -> Answer:
        answer = super().__getitem__(ask)
        self.used.add(ask)
        return answer


def runs(facts: Facts, *start: str) -> Iterator[tuple[tuple[str, ...], Answer]]:
    """Yield the rest of the words, and the answer, of each command that begins with these words."""
    for ask in facts:
        if ask.kind == "run" and ask.argv[: len(start)] == start:
            yield ask.argv[len(start) :], facts[ask]


def scripts(facts: Facts, fragment: str) -> Iterator[Answer]:
    """Yield the answer of each shell script that holds a fragment."""
    for ask in facts:
        if ask.argv[:2] == ("sh", "-c") and fragment in ask.argv[2]:
            yield facts[ask]


def reads(facts: Facts) -> Iterator[tuple[str, Answer]]:
    """Yield path and answer of each file that was read."""
    for ask in facts:
        if ask.kind == "read":
            yield ask.argv[0], facts[ask]


def by_file(text: str) -> dict[str, str]:
    """Return the text of each file in the output of `grep -H`.

    >>> by_file("/etc/a:x = 1\\n/etc/a:y\\n/etc/b:z")
    {'/etc/a': 'x = 1\\ny\\n', '/etc/b': 'z\\n'}
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        if colon and path.startswith("/"):
            found[path] = found.get(path, "") + rest + "\n"
    return found
