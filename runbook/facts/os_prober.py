"""Whether a person switched os-prober on: GRUB runs it for its menu only where GRUB_DISABLE_OS_PROBER says so."""

from __future__ import annotations

import re

from runbook.model.ask import Ask, Facts

COMMANDS = (
    Ask.shell(
        "grep -HsE '^[[:space:]]*(export[[:space:]]+)?GRUB_DISABLE_OS_PROBER=' "
        "/etc/default/grub /etc/default/grub.d/*.cfg; true"
    ),
)


def switched_on_by(facts: Facts) -> str:
    """Return the file that switches it on, '' where none does, or nobody asked; of several the last one counts.

    >>> from runbook.model.ask import Answer
    >>> told = Answer(0, "/etc/default/grub:GRUB_DISABLE_OS_PROBER=true\\n/etc/default/grub.d/me.cfg:GRUB_DISABLE_OS_PROBER=false\\n")
    >>> switched_on_by(Facts({COMMANDS[0]: told}))
    '/etc/default/grub.d/me.cfg'
    """
    said = facts[COMMANDS[0]].out if COMMANDS[0] in facts else ""
    lines = re.findall(r"""(?m)^(/[^:\n]+):[^=\n]+=["']?(\w*)""", said)
    path, value = lines[-1] if lines else ("", "")
    return path if value == "false" else ""
