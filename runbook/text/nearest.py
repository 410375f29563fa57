"""The name that was meant, for one that is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest of the known names was meant; '' where none is near.

    Letters count whether they are large or small; among names that are as near the first one is asked for.

    >>> nearest("hide_device", ["hide_devices", "install_xen"])
    "did you mean 'hide_devices'?"
    >>> nearest("frobnicate", ["hide_devices"])
    ''
    """
    found = closest(word, known)
    return f"did you mean '{found}'?" if found else ""


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the nearest of the known names, as `nearest` finds it; '' where none is as near as `cutoff`, of 1."""
    by_small = {name.lower(): name for name in reversed(list(known))}
    found = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=cutoff)
    return by_small[found[0]] if found else ""
