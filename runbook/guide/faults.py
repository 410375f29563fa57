"""The faults of the guide of 2013, a sentence each, by the number that notebooks and corrections name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

DATA = Path(__file__).with_name("faults.txt")


@cache
def faults() -> Mapping[str, str]:
    """Return what is wrong, by number, in the guide's order.

    >>> faults()["H605"]
    '`/etc/defaults/` is `/etc/default/`.'
    """
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return MappingProxyType({number: what for number, _, what in (line.partition(" ") for line in lines)})
