"""Canary first: how many hosts are begun before it is known how the ones before them ended."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from runbook.errors import ParamsError

T = TypeVar("T")


def sizes(serial: str) -> tuple[str, ...]:
    """Return the sizes in a text like `1,5,20%`, none for ''. Raises `ParamsError` for anything else.

    >>> sizes("1, 5,20%")
    ('1', '5', '20%')
    """
    found = tuple(part.strip() for part in serial.split(",")) if serial else ()
    for part in found:
        if not re.fullmatch(r"[1-9]\d*|(?:[1-9]\d?|100)%", part):
            raise ParamsError(f"'{part}' is no size of a batch", do="write --serial like 1,5,20%")
    return found


def batches(things: Sequence[T], wanted: Sequence[str]) -> Iterator[Sequence[T]]:
    """Yield the things in batches of these sizes, the last size again and again; without sizes all at once.

    A part in percent is of all things, and at least one.

    >>> [len(batch) for batch in batches(range(20), ("1", "5", "20%"))]
    [1, 5, 4, 4, 4, 2]
    """
    begun, number = 0, 0
    while begun < len(things):
        size = wanted[min(number, len(wanted) - 1)] if wanted else str(len(things))
        is_part = size.endswith("%")
        count = max(1, math.floor(len(things) * int(size[:-1]) / 100)) if is_part else int(size)
        yield things[begun : begun + count]
        begun, number = begun + count, number + 1
