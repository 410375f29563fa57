"""Files in the form of systemd's units (systemd.syntax(7)), in sections, so that they can be changed and keep their comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Entry:
    """One assignment."""

    key: str
    value: str
    """Without the line ends of a value that goes on behind a backslash."""
    lines: tuple[str, ...]
    """Word for word."""
    before: tuple[str, ...] = ()
    """Comments, blank lines and what systemd passes over, in front of it."""

    @classmethod
    def of(cls, key: str, value: str, *comments: str) -> Entry:
        """Return a new one."""
        return cls(key, value, (f"{key}={value}",), tuple(f"# {comment}" for comment in comments))


@dataclass(frozen=True)
class Section:
    """A section; there may be several of one name in a file."""

    name: str
    entries: tuple[Entry, ...] = ()
    line: str = ""
    """Its head, word for word."""
    before: tuple[str, ...] = ()

    def values(self, key: str) -> tuple[str, ...]:
        """Return what is assigned to a key, in order."""
        return tuple(entry.value for entry in self.entries if entry.key == key)

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it, word for word."""
        body = (line for entry in self.entries for line in (*entry.before, *entry.lines))
        return (*self.before, self.line or f"[{self.name}]", *body)


@dataclass(frozen=True)
class UnitFile:
    """One file."""

    path: str
    sections: tuple[Section, ...] = ()
    after: tuple[str, ...] = ()
    """What stands behind the last assignment."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def text(self) -> str:
        """The file again."""
        lines = [line for section in self.sections for line in section.lines]
        return "".join(f"{line}\n" for line in (*lines, *self.after))


def parse(path: str, text: str) -> UnitFile:
    """Return a file in sections, without a byte order mark, which systemd passes over.

    >>> unit = parse("a", "# mine\\n[Match]\\nName=eno1\\n\\n[Network]\\n# the office\\nDNS=192.168.1.1 \\\\\\n  9.9.9.9\\n")
    >>> [(s.name, s.before, [(e.key, e.value, e.before) for e in s.entries]) for s in unit.sections]
    [('Match', ('# mine',), [('Name', 'eno1', ())]), ('Network', ('',), [('DNS', '192.168.1.1 9.9.9.9', ('# the office',))])]
    """
    sections: list[Section] = []
    before: list[str] = []
    for lines in _logical(text.removeprefix("\ufeff")):
        told = " ".join(part.removesuffix("\\").strip() for part in lines if not _is_comment(part))
        key, sign, value = told.partition("=")
        if head := re.fullmatch(r"\[([^\[\]]+)\]", told):
            sections.append(Section(head[1], (), "\n".join(lines), tuple(before)))
        elif _is_comment(lines[0]) or not sign or not sections:
            before += lines
            continue
        else:
            entry = Entry(key.strip(), value.strip(), tuple(lines), tuple(before))
            sections[-1] = replace(sections[-1], entries=(*sections[-1].entries, entry))
        before = []
    return UnitFile(path, tuple(sections), tuple(before))


def put(sections: Iterable[Section], name: str, *entries: Entry) -> tuple[Section, ...]:
    """Return sections with more assignments at the end of the first of a name, which is made where there is none."""
    found = list(sections)
    at = next((i for i, section in enumerate(found) if section.name == name), None)
    if at is None:
        return (*found, Section(name, entries, before=("",) if found else ()))
    found[at] = replace(found[at], entries=(*found[at].entries, *entries))
    return tuple(found)


def true(value: str) -> bool:
    """Return whether a value is one of systemd's words for yes.

    >>> true("yes"), true("on"), true("ipv4")
    (True, True, False)
    """
    return value.lower() in ("1", "yes", "y", "true", "t", "on")


def false(value: str) -> bool:
    """Return whether a value is one of systemd's words for no."""
    return value.lower() in ("0", "no", "n", "false", "f", "off")


def _logical(text: str) -> Iterator[list[str]]:
    """Yield lines; one that goes on behind a backslash comes with those that it goes on in, comments between included."""
    lines: list[str] = []
    for line in text.splitlines():
        if lines and _is_comment(line) and line.strip():
            lines.append(line)
            continue
        lines.append(line)
        if not line.endswith("\\") or _is_comment(lines[0]):
            yield lines
            lines = []
    if lines:
        yield lines


def _is_comment(line: str) -> bool:
    return line.strip()[:1] in ("", "#", ";")
