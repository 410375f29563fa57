"""Texts cut to their room where they are alike, not before the part in which they differ."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 300
"""Letters of a text that are looked at: each is compared with all others, and a machine may say anything."""


def cut_apart(texts: Sequence[str], rooms: Sequence[int]) -> list[str]:
    """Return each text in at most so many letters; where others begin like it, what differs stays and the middle goes.

    >>> names = [f"Intel Corporation Core Ultra 200H Series {part}" for part in ("I2C #0", "I2C #1", "UART")]
    >>> cut_apart([*names, "a network card of some maker"], [30, 30, 30, 16])
    ['Intel Corporation Core…I2C #0', 'Intel Corporation Core…I2C #1', 'Intel Corporation Core Ul…UART', 'a network card …']
    """
    short = [text[:_LONGEST] for text in texts]
    others = list(dict.fromkeys(short))
    return [_cut(text, room, others) for text, room in zip(short, rooms, strict=True)]


def _cut(text: str, room: int, texts: Sequence[str]) -> str:
    if len(text) <= room:
        return text
    start = text[: max(room - 1, 1)]
    alike = [_differs(text, other) for other in texts if other != text and other.startswith(start)]
    least = room // 3
    for differs in sorted(set(alike)):
        word = text.rfind(" ", 0, differs + 1) + 1
        tail = text[word:] if word >= len(start) - least else text[differs:]
        if len(tail) <= room - 1 - least:
            return f"{text[: room - 1 - len(tail)].rstrip()}…{tail}"
    if not alike:
        return f"{start}…"
    tail = text[max(alike) :][: room - 2 - least]
    return f"{text[: room - 2 - len(tail)].rstrip()}…{tail}…"


def _differs(text: str, other: str) -> int:
    """Return the place of the first letter in which two texts differ.

    >>> _differs("abcd", "abxd"), _differs("abc", "abcd"), _differs("x", "y"), _differs("", "y")
    (2, 3, 0, 0)
    """
    low, high = 0, min(len(text), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[:middle] == other[:middle] else (low, middle - 1)
    return low
