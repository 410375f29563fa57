"""A free name beside a file, by number: what is laid aside writes over nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path


def beside(path: Path, name: Callable[[int], str], data: bytes | None = None) -> Path:
    """Return the first of the names 1, 2 … beside a file that is free, or that holds just `data` already."""
    found = (path.with_name(name(number)) for number in count(1))
    return next(
        one for one in found if not os.path.lexists(one) or (data is not None and one.read_bytes() == data)
    )
