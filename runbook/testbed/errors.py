"""The one error of the testbed: what was tried, where, why it failed, and the next move."""

from __future__ import annotations


class TestbedError(Exception):
    """Raised whenever the virtual PC cannot be built, booted or reached.

    `str()` of it is the whole story, ready to be shown to a person.
    """

    __test__ = False  # the name starts with "Test"; it is no test case

    def __init__(self, what: str, *, where: str, why: str, next_move: str) -> None:
        self.what = what
        self.where = where
        self.why = why
        self.next_move = next_move
        super().__init__(f"{what}\n  where: {where}\n  why:   {why}\n  next:  {next_move}")


class GaveUp(TestbedError):
    """The machine's kernel or systemd gave up, and it stays as it is until somebody switches it off."""


def tail(text: str, lines: int) -> str:
    """The last `lines` non-empty lines of `text`, without terminal colours and control bytes."""
    kept = [plain(line) for line in text.splitlines()]
    return "\n".join([line for line in kept if line.strip()][-lines:])


def plain(line: str) -> str:
    """`line` without escape sequences: firmware and systemd colour their console output.

    >>> plain("\\x1b[0;32m  OK  \\x1b[0m Started ssh.service\\r")
    '  OK   Started ssh.service'
    """
    out: list[str] = []
    chars = iter(line)
    for char in chars:
        if char == "\x1b":
            if next(chars, "") == "[":
                for follow in chars:
                    if follow.isalpha():
                        break
        elif char.isprintable() or char == "\t":
            out.append(char)
    return "".join(out)
