"""Sizes as people say them."""

from __future__ import annotations


def human_size(count: int) -> str:
    """Return a number of bytes as people say it.

    >>> human_size(171690688512), human_size(104857600), human_size(512)
    ('159.9 GiB', '100.0 MiB', '512 B')
    """
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"
