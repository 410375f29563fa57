"""Characters that act or that nobody sees, shown instead of sent."""

from __future__ import annotations

import json
import re

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1: terminals obey them
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a"  # formats, breaks of lines and directions: they reorder what stands around them
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff"  # letters and marks that are blank: they make two names look like one
    "\ud800-\udfff"  # halves of a pair: no stream takes them
    "]"
)


def visible(text: str) -> str:
    r"""Return a text in which every character that would act, or that nobody would see, stands as its escape.

    Controls but tab and newline, directions, what has no width, separators of lines and paragraphs, lone
    surrogates. Above ASCII it is JSON's own escape, so a text that is JSON stays the same JSON. Twice is once.

    >>> print(visible("a\x1b]0;title\x07b \u202etxt\r\n"), end="")
    a\x1b]0;title\x07b \u202etxt\r
    """
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char < "\x7f":
        return "\\r" if char == "\r" else f"\\x{ord(char):02x}"
    return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"
