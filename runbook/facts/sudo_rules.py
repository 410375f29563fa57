"""Whom sudo made root for this session, whether a key lets them in, and what sudo keeps of what root is given.

Asked only where the runbook itself is root by sudo.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from runbook.facts.ssh_server import KEY
from runbook.model.ask import Ask, Facts

_USER = Ask.run("printenv", "SUDO_USER")
_RULES = Ask.shell('sudo -n -l -U "$SUDO_USER"')
_KEYS = Ask.shell(
    'h=$(getent passwd "$SUDO_USER" | cut -d: -f6); '
    f'grep -hcsE {shlex.quote(KEY)} "$h/.ssh/authorized_keys" "$h/.ssh/authorized_keys2"; true'
)
_LOGS = re.compile(r"(?<!!)\blog_(?:input|stdin)\b|\bLOG_INPUT:")

COMMANDS = (_USER, _RULES)
KEYS = (_USER, _KEYS)


@dataclass(frozen=True)
class Rules:
    """What sudo does for who came in."""

    user: str
    logs_input: bool
    """Whether it keeps on the host's disk what commands read (log_input of sudoers(5))."""


def parse(facts: Facts) -> Rules:
    """Return the rules of the facts."""
    return Rules(facts[_USER].out.strip(), logs_input(facts[_RULES].out))


def keys(facts: Facts) -> tuple[str, int] | None:
    """Return who came in and how many keys let them in, None where nobody asked."""
    if _KEYS not in facts:
        return None
    return facts[_USER].out.strip(), sum(int(count) for count in facts[_KEYS].out.split())


def logs_input(text: str) -> bool:
    """Return whether `sudo -l` names a rule or a default by which input is kept.

    >>> logs_input("    use_pty, log_input\\n"), logs_input("    (ALL) NOPASSWD: LOG_INPUT: ALL\\n"), logs_input("!log_input")
    (True, True, False)
    """
    return _LOGS.search(text) is not None
