"""apt's settings as apt itself reads them, and the package sources' components (apt.conf(5), sources.list(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

_DUMP = Ask.run("apt-config", "dump", "--format", "%F %v%n", "APT::Periodic", "Unattended-Upgrade")
_SOURCES = Ask.shell(
    "grep -sH '' /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; true"
)

UNATTENDED = (_DUMP,)
SOURCES = (_SOURCES,)


@dataclass(frozen=True)
class Unattended:
    """What apt does by itself."""

    values: dict[str, tuple[str, ...]]
    """Values by setting, without empty ones; a list's items stand under one name that ends in `::`."""

    def first(self, key: str) -> str:
        """Return a setting's value, '' when it has none."""
        return next(iter(self.values.get(key, ())), "")


def unattended(facts: Facts) -> Unattended:
    """Return what apt does by itself, of the facts."""
    return Unattended(settings(facts[_DUMP].out))


def settings(text: str) -> dict[str, tuple[str, ...]]:
    """Return the settings of `apt-config dump --format '%F %v%n'`.

    >>> settings("APT::Periodic::Unattended-Upgrade 1\\nUnattended-Upgrade::Package-Blacklist:: xen-")
    {'APT::Periodic::Unattended-Upgrade': ('1',), 'Unattended-Upgrade::Package-Blacklist::': ('xen-',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, value in re.findall(r"(?m)^(\S+) (.+)$", text):
        found[key] = (*found.get(key, ()), value)
    return found


def sources(facts: Facts) -> dict[str, str]:
    """Return the text of each file of package sources."""
    found: dict[str, str] = {}
    for line in facts[_SOURCES].out.splitlines():
        path, _, text = line.partition(":")
        found[path] = found.get(path, "") + text + "\n"
    return found
