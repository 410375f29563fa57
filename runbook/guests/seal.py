"""A line in each configuration that the runbook writes, by which an edit by hand is known afterwards."""

from __future__ import annotations

import hashlib
import re

_AFTER = "once it no longer fits, somebody edited this file, and nothing writes over it unasked."
_LINE = re.compile(rf"(?m)^# Seal ([0-9a-f]{{12}}): {re.escape(_AFTER)}\n")


def sealed(text: str) -> str:
    """Return a text with the line behind its leading comment.

    >>> print(sealed("# web\\n\\nname = 'web'\\n"), end="")
    # web
    # Seal 9927251b9abd: once it no longer fits, somebody edited this file, and nothing writes over it unasked.
    <BLANKLINE>
    name = 'web'
    """
    head, body = re.fullmatch(r"((?:#[^\n]*\n)*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{head}# Seal {_digest(text)}: {_AFTER}\n{body}"


def is_whole(text: str) -> bool:
    """Return whether a text is what `sealed` returned, to the byte.

    >>> is_whole(sealed("memory = 512\\n")), is_whole(sealed("memory = 512\\n").replace("512", "1024")), is_whole("memory = 512\\n")
    (True, False, False)
    """
    stated = _LINE.findall(text)
    return len(stated) == 1 and _digest(_LINE.sub("", text)) == stated[0]


def unsealed(text: str) -> str:
    """Return a text without the line.

    >>> unsealed(sealed("memory = 512\\n"))
    'memory = 512\\n'
    """
    return _LINE.sub("", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
