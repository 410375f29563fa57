"""Words of a line as a shell sees them."""

from __future__ import annotations

import shlex

_LONGEST = 8192
"""Longer than any line of these tools; `shlex` takes the square of a word's length in time."""


def shell_words(line: str) -> list[str]:
    """Return the words of a line, without their quotes.

    >>> shell_words("menuentry 'Debian GNU/Linux' --class debian")
    ['menuentry', 'Debian GNU/Linux', '--class', 'debian']

    Raises `ValueError` for an open quote, and for a line that is too long to be one.
    """
    if len(line) > _LONGEST:
        raise ValueError(f"a line of {len(line)} letters")
    return shlex.split(line)
