"""Things by name, each with its fields, and small words for them."""

from __future__ import annotations

import re

Thing = dict[str, str]
"""Value by field, in words; a value of several lines is a text, of which a difference is shown."""
Things = dict[str, Thing]

_KERNEL = re.compile(r"\b\d+\.\d+\.\d+[+~.\w-]*?(?=-advanced|-recovery|-[0-9a-f]{8}-|\s|$)")


def yes(value: bool) -> str:
    """Return a truth in words."""
    return "yes" if value else "no"


def listed(values: object) -> str:
    """Return a list in words, `none` for an empty one.

    >>> listed(["b", "a"]), listed([])
    ('b, a', 'none')
    """
    return ", ".join(map(str, values)) or "none"  # type: ignore[call-overload]


def without_versions(text: str) -> str:
    """Return a menu entry's id without the kernel's version, which every update changes.

    >>> without_versions("gnulinux-6.12.117+deb13-amd64-advanced-841e5917-34f1")
    'gnulinux-KERNEL-advanced-841e5917-34f1'
    """
    return _KERNEL.sub("KERNEL", text)
