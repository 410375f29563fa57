"""Text for a manual page: what man(7) would take for its own words is written so that it stays text."""

from __future__ import annotations

import re

from runbook.text.visible import visible

_ESCAPES = str.maketrans({"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"})
_BEYOND = re.compile(r"[^\x00-\x7f]")
"""What not every troff reads as it stands."""


def roff(text: str) -> str:
    r"""Return text as man(7) takes it: each character stands for itself, and no line begins a request.

    >>> print(roff(".so /etc/passwd\n'x --help … \\fB"))
    \&.so /etc/passwd
    \(aqx \-\-help \[u2026] \efB
    """
    plain = _BEYOND.sub(lambda found: f"\\[u{ord(found[0]):04X}]", visible(text).translate(_ESCAPES))
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in plain.split("\n"))
