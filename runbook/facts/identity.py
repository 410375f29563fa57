"""Which installation this is: its machine id, which a new installation does not share."""

from __future__ import annotations

import hashlib

from runbook.model.ask import Ask, Facts

_ID = Ask.read("/etc/machine-id")

COMMANDS = (_ID,)


def parse(facts: Facts) -> str:
    """Return 12 hex digits for this installation, '' when it has no machine id.

    The id itself is kept to the machine, as machine-id(5) asks.

    >>> from runbook.model.ask import Answer
    >>> parse(Facts({_ID: Answer(0, "26c42ce76bbd4abd925eb35a8dca58ab\\n")}))
    '00eaea0f29a6'
    """
    text = (facts.text("/etc/machine-id") or "").strip()
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else ""
