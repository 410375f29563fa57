"""The locales that exist, and those that are asked for (locale.gen(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

GENERATE, DEFAULT = "/etc/locale.gen", "/etc/default/locale"
_THERE = Ask.run("locale", "-a")

COMMANDS = (_THERE, Ask.read(GENERATE), Ask.read(DEFAULT))


@dataclass(frozen=True)
class Locales:
    """The locales of a host."""

    there: frozenset[str]
    """As `locale -a` says, with codesets spelt alike: `en_GB.UTF-8`."""
    generate: str | None
    """The text of /etc/locale.gen, None without the package `locales`."""
    default_file: str
    default: str
    """LANG of /etc/default/locale, '' when it is not set."""


def parse(facts: Facts) -> Locales:
    """Return the locales of the facts."""
    text = facts.text(DEFAULT) or ""
    lang = re.findall(r'(?m)^[ \t]*LANG="?([^"\s]*)', text)
    return Locales(
        there=frozenset(map(spelt, facts[_THERE].out.split())),
        generate=facts.text(GENERATE),
        default_file=text,
        default=lang[-1] if lang else "",
    )


def spelt(name: str) -> str:
    """Return a locale's name as /etc/locale.gen spells it.

    >>> [spelt(name) for name in ("en_GB.utf8", "de_DE.utf8@euro", "C.utf8", "POSIX")]
    ['en_GB.UTF-8', 'de_DE.UTF-8@euro', 'C.UTF-8', 'POSIX']
    """
    return re.sub(r"\.utf-?8\b", ".UTF-8", name, flags=re.IGNORECASE)
