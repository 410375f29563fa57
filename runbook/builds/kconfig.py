"""What the kernel's own Kconfig files say about a flag: whether it exists, can be set, and what forces it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ENTRY = re.compile(r"\s*(config|menuconfig)\s+(\w+)\s*$")
# What ends an entry. Words of a help text stand further in.
_OTHER = re.compile(r"(choice|endchoice|menu|endmenu|if|endif|source|comment|mainmenu)\b")
_PROMPT = re.compile(r'\s+(?:bool|tristate|int|hex|string|prompt)\s+["\']')
_SELECT = re.compile(r"\s+(?:select|imply)\s+(\w+)(?:\s+if\s+(.*))?")
_DEPENDS = re.compile(r"\s+depends on\s+(.*)")


@dataclass
class Symbol:
    """One flag, without `CONFIG_`, as all its entries together define it."""

    name: str
    where: str
    """The first file that defines it."""
    can_be_set: bool = False
    """True when a person is asked for it (under some condition); else it follows from others."""
    in_choice: bool = False
    """True when it is one of several of which exactly one is y."""
    depends: list[str] = field(default_factory=list)
    selected_by: list[str] = field(default_factory=list)


def read(path: Path) -> dict[str, Symbol]:
    """Return the flags of a `kconfig.gz` that a build left."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return parse(file.read())


def parse(text: str) -> dict[str, Symbol]:
    """Return the flags of Kconfig files, each headed by a line `@@ FILE`.

    >>> parse('@@ a/Kconfig\\nconfig XEN\\n\\tbool "Xen"\\n\\tselect XEN_PVHVM\\nconfig XEN_PVHVM\\n\\tdef_bool y')
    ... # doctest: +ELLIPSIS
    {'XEN': Symbol(name='XEN', where='a/Kconfig', can_be_set=True, ... selected_by=['XEN'])}
    """
    reader = _Reader()
    for line in text.splitlines():
        reader.take(line)
    for name, by in reader.selects:
        if name in reader.found:
            reader.found[name].selected_by.append(by)
    return reader.found


class _Reader:
    """Takes the lines of Kconfig files one by one."""

    def __init__(self) -> None:
        self.found: dict[str, Symbol] = {}
        self.selects: list[tuple[str, str]] = []
        self._where = ""
        self._here: Symbol | None = None
        self._in_choice = self._in_help = False

    def take(self, line: str) -> None:
        if line.startswith("@@ "):
            self._where, self._here, self._in_choice = line[3:], None, False
        elif match := _ENTRY.match(line):
            self._here = self.found.setdefault(match[2], Symbol(match[2], self._where))
            self._here.in_choice |= self._in_choice
            self._in_help = False
        elif match := _OTHER.match(line):
            self._here = None
            self._in_choice = match[1] == "choice" or (self._in_choice and match[1] != "endchoice")
        elif self._here and line.strip() == "help":
            self._in_help = True
        elif self._here and not self._in_help:
            self._property(self._here, line)

    def _property(self, here: Symbol, line: str) -> None:
        here.can_be_set |= bool(_PROMPT.match(line))
        if match := _DEPENDS.match(line):
            here.depends.append(match[1])
        if match := _SELECT.match(line):
            self.selects.append((match[1], here.name))


def forced_by(symbol: Symbol, config: Mapping[str, str]) -> tuple[str, ...]:
    """Return the flags that are on in a configuration and select this one, sorted."""
    return tuple(sorted({s for s in symbol.selected_by if config.get(f"CONFIG_{s}", "n") in ("y", "m")}))


def unmet(symbol: Symbol, config: Mapping[str, str]) -> tuple[str, ...]:
    """Return the flags that this one depends on and that are not on, sorted.

    It names every flag of the conditions, so one of several may be enough.

    >>> unmet(Symbol("A", "", depends=["XEN && (PCI || ACPI) && !UML"]), {"CONFIG_XEN": "y", "CONFIG_UML": "y"})
    ('!UML', 'ACPI', 'PCI')
    """
    lacking = set()
    for no, name in re.findall(r"(!?)\b([A-Z][A-Z0-9_]+)\b", " ".join(symbol.depends)):
        is_on = config.get(f"CONFIG_{name}", "n") in ("y", "m")
        if is_on == bool(no):
            lacking.add(f"{no}{name}")
    return tuple(sorted(lacking))
