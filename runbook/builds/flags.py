"""The guide's flags at the kernel at hand: what was asked, what it has, and why."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass

from runbook.builds import kconfig
from runbook.builds.kconfig import Symbol
from runbook.builds.kernel import data


@dataclass(frozen=True)
class Flag:
    """One flag of the guide as a Linux version knows it."""

    name: str
    """With `CONFIG_`."""
    wanted: str
    """The guide's value."""
    state: str
    """`settable`, `derived` (follows from others), `gone`, or `now NAME`."""
    debian: str
    """The value in Debian's own configuration: y, m, n, `unset` (hidden with its parent), or a number."""
    note: str

    @property
    def successor(self) -> str:
        """The name that it goes by now, '' when it was not renamed."""
        return f"CONFIG_{self.state[4:]}" if self.state.startswith("now ") else ""


@dataclass(frozen=True)
class Row:
    """One line of the table: asked, got, why."""

    flag: str
    wanted: str
    got: str
    why: str


def guide(linux: str) -> tuple[Flag, ...]:
    """Return the guide's 81 flags as a Linux version, such as `6.12`, knows them.

    >>> [f for f in guide("6.12") if f.name == "CONFIG_XEN_PCIDEV_BACKEND"][0].debian
    'm'
    """
    rows = csv.DictReader(data("guide_flags.csv").splitlines())
    found = []
    for row in rows:
        state, _, debian = row[linux].partition(" ")
        if state in ("settable", "derived"):
            found.append(Flag(row["flag"], row["value"], state, debian, row["note"]))
        else:
            found.append(Flag(row["flag"], row["value"], row[linux], "", row["note"]))
    return tuple(found)


def versions() -> tuple[str, ...]:
    """Return the Linux versions of which the runbook knows the guide's flags."""
    return tuple(data("guide_flags.csv").partition("\n")[0].split(",")[2:-1])


def table(linux: str, config: Mapping[str, str]) -> tuple[Row, ...]:
    """Return the guide's flags against a configuration; values by name with `CONFIG_`."""
    return tuple(_row(flag, config) for flag in guide(linux))


def _row(flag: Flag, config: Mapping[str, str]) -> Row:
    got = config.get(flag.name, "")
    if flag.state == "gone":
        return Row(flag.name, flag.wanted, "–", f"gone: {flag.note}")
    if flag.successor:
        value = config.get(flag.successor, "n")
        return Row(flag.name, flag.wanted, "–", f"{flag.successor} = {value}: {flag.note}")
    if got == flag.wanted:
        why = "as asked"
    elif flag.state == "derived":
        why = "cannot be set by hand"
    elif got == "m" and flag.wanted == "y":
        why = "a module"
    else:
        why = "not set" if got else "not offered, its parent is not set"
    return Row(flag.name, flag.wanted, got or "n", f"{why}: {flag.note}" if flag.note else why)


def explained(
    wanted: Mapping[str, str], config: Mapping[str, str], symbols: Mapping[str, Symbol]
) -> tuple[Row, ...]:
    """Return what became of each asked line, explained by the kernel's own Kconfig.

    `config` is the finished configuration. A line that the kernel does not know vanishes without a
    word from `make olddefconfig`; here it is said.
    """
    return tuple(_explained(name, value, config, symbols) for name, value in wanted.items())


def _explained(name: str, wanted: str, config: Mapping[str, str], symbols: Mapping[str, Symbol]) -> Row:
    got = config.get(name, "n")
    symbol = symbols.get(name.removeprefix("CONFIG_"))
    if symbol is None:
        return Row(name, wanted, "–", "this kernel has no such flag")
    forced = kconfig.forced_by(symbol, config)
    by = f"selected by {', '.join(forced[:4])}" if forced else ""
    if got == wanted:
        why = "as asked" if symbol.can_be_set else f"as asked, {by or 'it follows from others'}"
    elif got in ("y", "m") and forced:
        why = f"forced: {by}"
    elif symbol.in_choice:
        why = "one of a choice, and another was taken"
    elif lacking := kconfig.unmet(symbol, config):
        why = f"it needs {', '.join(lacking[:6])}"
    else:
        why = by or ("not taken" if symbol.can_be_set else "it follows from others, and cannot be set")
    return Row(name, wanted, got, why)


def differences(
    linux: str, base: Mapping[str, str], config: Mapping[str, str], symbols: Mapping[str, Symbol]
) -> list[str]:
    """Return where what the runbook says of the guide's flags is not what a kernel's own Kconfig says.

    `base` is Debian's configuration, `config` the same with the guide's flags merged into it.
    """
    return [text for flag in guide(linux) for text in _differences(flag, base, config, symbols)]


def _differences(
    flag: Flag, base: Mapping[str, str], config: Mapping[str, str], symbols: Mapping[str, Symbol]
) -> list[str]:
    symbol = symbols.get(flag.name.removeprefix("CONFIG_"))
    is_gone = flag.state == "gone" or bool(flag.successor)
    found = []
    if is_gone != (symbol is None):
        found.append(f"{flag.name}: {flag.state}, and Kconfig {'lacks' if symbol is None else 'has'} it")
    if flag.successor and flag.successor.removeprefix("CONFIG_") not in symbols:
        found.append(f"{flag.name}: Kconfig has no {flag.successor}")
    if symbol is None or is_gone:
        return found
    state = "settable" if symbol.can_be_set else "derived"
    if state != flag.state:
        found.append(f"{flag.name}: {flag.state}, and by Kconfig {state}")
    debian = base.get(flag.name, "unset")
    if debian != flag.debian and {debian, flag.debian} != {"unset", "n"}:
        found.append(f"{flag.name}: {flag.debian} in Debian's configuration, and really {debian}")
    if config.get(flag.name, "n") != flag.wanted:
        found.append(f"{flag.name}: asked {flag.wanted}, got {config.get(flag.name, 'n')}")
    return found
