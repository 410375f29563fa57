"""What would go if some packages were purged, their left-over configuration too."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts


@dataclass(frozen=True)
class Removals:
    """Packages that are there, or have left configuration behind, and what goes with them."""

    present: tuple[str, ...]
    """Names that the patterns found in any state but never or no longer there."""
    installed: tuple[str, ...]
    """Those of them that are whole, not only left-over configuration."""
    others: tuple[str, ...]
    """What apt would remove besides, because it needs one of them."""
    new: tuple[str, ...]
    """What apt would install instead."""
    error: str


def commands(patterns: tuple[str, ...]) -> tuple[Ask, ...]:
    """Return the question about packages by name or dpkg-query's patterns (`exim4*`)."""
    return (_simulation(patterns),) if patterns else ()


def parse(facts: Facts, patterns: tuple[str, ...]) -> Removals:
    """Return what the facts say; `patterns` as given to `commands`."""
    if not patterns:
        return Removals((), (), (), (), "")
    answer = facts[_simulation(patterns)]
    present = states(answer.out)
    gone = re.findall(r"(?m)^(?:Purg|Remv) (\S+)", answer.out)
    return Removals(
        present=present,
        installed=tuple(re.findall(r"(?m)^.i.?\|(\S+)$", answer.out)),
        others=tuple(name for name in gone if name not in present),
        new=tuple(re.findall(r"(?m)^Inst (\S+)", answer.out)),
        error="" if answer.ok else answer.err.strip(),
    )


def states(text: str) -> tuple[str, ...]:
    """Return the packages of which anything is left: `rc` is removed, its configuration is not.

    >>> states("ii |exim4-base\\nun |exim4-daemon-heavy\\nrc |exim4-config\\nPurg exim4-base [4.98.2-1]")
    ('exim4-base', 'exim4-config')
    """
    return tuple(re.findall(r"(?m)^.[^n ].?\|(\S+)$", text))


def _simulation(patterns: tuple[str, ...]) -> Ask:
    """apt is asked only when something is there: reading its lists takes seconds."""
    show = "dpkg-query -W -f '${db:Status-Abbrev}|${Package}\\n' " + shlex.join(patterns) + " 2>/dev/null"
    return Ask.shell(
        f"s=$({show})\n"
        "printf '%s\\n' \"$s\"\n"
        "set -- $(printf '%s\\n' \"$s\" | sed -n 's/^.[^n ].\\{0,1\\}|//p')\n"
        '[ $# -eq 0 ] || apt-get -s -qq -o Debug::NoLocking=1 purge "$@"'
    )
