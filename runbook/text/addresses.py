"""Addresses as they stand in what others wrote: also those that are none."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def parts_of(address: str) -> SplitResult | None:
    """Return the parts of an address, None for one that cannot be taken apart.

    >>> parts_of("http://["), parts_of("a.ipynb#b").fragment
    (None, 'b')
    """
    try:
        return urlsplit(address)
    except ValueError:
        return None
