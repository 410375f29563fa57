"""Words that depend on a number."""

from __future__ import annotations


def many(count: int, word: str) -> str:
    """Return a number with its word, which takes an s when it is not one.

    >>> many(1, "run"), many(0, "run")
    ('1 run', '0 runs')
    """
    return f"{count} {word}{'' if count == 1 else 's'}"
