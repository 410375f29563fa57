"""What a running command has said: how much, and the last of it."""

from __future__ import annotations

from collections import deque

KEPT, LONGEST = 2000, 1000
"""Lines that are kept, and characters of a line: a command may say gigabytes."""
TAIL = 5
"""Lines that are shown without unfolding."""


class OutputTail:
    """Counts the lines of a command and keeps the last of them."""

    def __init__(self) -> None:
        self.count = 0
        self._last: deque[str] = deque(maxlen=KEPT)

    def take(self, line: str) -> None:
        """Take one line."""
        self.count += 1
        self._last.append(line[:LONGEST])

    def last(self, most: int = KEPT) -> str:
        """Return the last lines, not more than these."""
        return "\n".join(list(self._last)[-most:])

    def how_much(self, most: int = KEPT) -> str:
        """Return in words how many lines there were, and how many of them `last` returns.

            >>> tail = OutputTail()
        >>> for _ in range(3):
        ...     tail.take("x")
        >>> tail.how_much(), tail.how_much(2)
        ('3 lines', '3 lines, the last 2 here')
        """
        text = f"{self.count} line{'' if self.count == 1 else 's'}"
        return text + (f", the last {most} here" if self.count > most else "")
