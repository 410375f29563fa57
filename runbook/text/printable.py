"""Text that is one line and only seen: no control character, no line's end, nothing that turns its direction."""

from __future__ import annotations

import unicodedata

LONGEST = 4096
"""The most characters of one text: Linux takes no longer path (PATH_MAX)."""
_JOINERS = "\u00ad\u200c\u200d"
"""Format characters that scripts and pictures are written with; they neither hide nor turn anything."""


def acts(sign: str) -> bool:
    """True for a character that begins a new line or acts on a screen instead of being seen.

    >>> [acts(sign) for sign in ("a", "\\n", "\\x85", "\\x1b", "\\u202e", "ü", "\\u200d")]
    [False, True, True, True, True, False, False]
    """
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in _JOINERS


def unprintable(text: str) -> str:
    """Return why a text is not one line of printable characters, '' when it is. The text is not repeated."""
    if len(text) > LONGEST:
        return f"it has {len(text)} characters; no more than {LONGEST} are taken"
    for place, sign in enumerate(text, 1):
        if acts(sign):
            return (
                f"character {place} is U+{ord(sign):04X}, which is not printed: it would begin a new line, or act "
                "on a screen; write one line of printable characters"
            )
    return ""


def printable(text: object) -> str:
    """Return a text, a path or an error as one line in which nothing acts: what would is shown by its number.

    >>> printable("a\\nb\\x1b[31m")
    'a\\\\u000ab\\\\u001b[31m'
    """
    return "".join(f"\\u{ord(sign):04x}" if acts(sign) else sign for sign in str(text))
