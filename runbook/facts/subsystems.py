"""The card that each PCI device is on: its subsystem's vendor and device, beside those of the chip."""

from __future__ import annotations

import re

from runbook.facts.shell_words import shell_words
from runbook.model.ask import Ask, Facts

_NAMES = Ask.run("lspci", "-Dmmnn")

COMMANDS = (_NAMES,)
_ID = re.compile(r"\[([0-9a-f]{4})\]$")


def parse(facts: Facts) -> dict[str, str]:
    """Return vendor:device of each device's subsystem by its address; a device without one is left out.

    The last two words of a line of `lspci -mm` are the subsystem's, "" where there is none (lspci(8)).

    >>> from runbook.model.ask import Answer
    >>> line = '0000:00:05.0 "Ethernet controller [0200]" "Intel [8086]" "82574L [10d3]" -p00 "ASUS [1043]" "Device [8369]"'
    >>> parse(Facts({_NAMES: Answer(0, line)}))
    {'0000:00:05.0': '1043:8369'}
    """
    found = {}
    for line in facts[_NAMES].out.splitlines():
        bdf, *words = shell_words(line) or [""]
        numbers = [_ID.search(word) for word in words if not word.startswith("-")]
        if len(numbers) == 5 and numbers[3] and numbers[4]:
            found[bdf] = f"{numbers[3][1]}:{numbers[4][1]}"
    return found
