"""Files of sections and keys as NetworkManager writes them (nm-settings-keyfile(5)), kept line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_ALIASES = {"802-3-ethernet": "ethernet"}
_KEY = re.compile(r"\s*([^#\s=][^=]*?)\s*=\s*(.*?)\s*")


@dataclass(frozen=True)
class Section:
    """One section with its lines, word for word."""

    name: str
    """Without brackets, '' for what stands in front of the first section."""
    head: str
    lines: tuple[str, ...]

    @property
    def values(self) -> dict[str, str]:
        """The value of each key; of a key that is there twice the later one, as GLib takes it."""
        return {found[1]: found[2] for line in self.lines if (found := _KEY.fullmatch(line))}

    def holding(self, changes: Mapping[str, str | None]) -> Section:
        """Return the section with other values: None takes a key away, a new key comes behind the others."""
        lines: list[str] = []
        done: set[str] = set()
        for line in self.lines:
            key = found[1] if (found := _KEY.fullmatch(line)) else ""
            if key not in changes:
                lines.append(line)
            elif changes[key] is not None and key not in done:
                lines.append(f"{key}={changes[key]}" if self.values[key] != changes[key] else line)
                done.add(key)
        # A comment behind the last key is mostly about the section that follows.
        end = max((i for i, line in enumerate(lines, 1) if _KEY.fullmatch(line)), default=0)
        new = [f"{key}={value}" for key, value in changes.items() if value is not None and key not in done]
        return Section(self.name, self.head, (*lines[:end], *new, *lines[end:]))


@dataclass(frozen=True)
class Keyfile:
    """A file of sections."""

    sections: tuple[Section, ...] = ()
    is_marked: bool = field(default=False, compare=False)
    """True for a text that began with a byte order mark, with which GLib reads no file of this form."""

    @classmethod
    def read(cls, text: str) -> Keyfile:
        """Return the file of a text.

        >>> Keyfile.read("# mine\\n[connection]\\nid=Office\\n\\n[ipv4]\\nmethod=auto\\n").get("ipv4", "method")
        'auto'
        """
        found: list[tuple[str, str, list[str]]] = [("", "", [])]
        is_marked = text.startswith("\ufeff")
        for line in text[is_marked:].removesuffix("\n").split("\n") if text else ():
            if head := re.fullmatch(r"\s*\[([^\]]*)\]\s*", line):
                found.append((_ALIASES.get(head[1], head[1]), line, []))
            else:
                found[-1][2].append(line)
        sections = (Section(name, head, tuple(lines)) for name, head, lines in found if head or lines)
        return cls(tuple(sections), is_marked)

    @property
    def text(self) -> str:
        """The whole file; what was read and not changed is word for word what it was."""
        lines = [line for s in self.sections for line in ([s.head, *s.lines] if s.head else s.lines)]
        return "".join(f"{line}\n" for line in lines)

    def section(self, name: str) -> Section | None:
        """Return the section of a name, None when there is none; of several that GLib takes for one, all lines."""
        found = [section for section in self.sections if section.name == name]
        if len(found) < 2:
            return found[0] if found else None
        return Section(name, found[0].head, tuple(line for s in found for line in s.lines if line.strip()))

    def values(self, section: str) -> dict[str, str]:
        """Return the keys of a section with their values; a section that is there twice is one to NetworkManager."""
        return {key: value for s in self.sections if s.name == section for key, value in s.values.items()}

    def get(self, section: str, *keys: str) -> str:
        """Return the value of a key under any of its spellings, '' when it is not there."""
        values = self.values(section)
        return next((values[key] for key in keys if key in values), "")

    def holding(self, section: str, changes: Mapping[str, str | None]) -> Keyfile:
        """Return the file with other values in one section; without that section a new one comes to the end."""
        there = self.section(section)
        if there is None:
            given = any(value is not None for value in changes.values())
            return self._with_end(Section(section, f"[{section}]", ()).holding(changes)) if given else self
        return self.taking(there.holding(changes))

    def without(self, *names: str) -> Keyfile:
        """Return the file without some sections."""
        return Keyfile(tuple(section for section in self.sections if section.name not in names))._trimmed()

    def taking(self, section: Section) -> Keyfile:
        """Return the file with a section in the place of its own of that name, or behind all others."""
        if self.section(section.name) is None:
            return self._with_end(section)
        first = next(s for s in self.sections if s.name == section.name)
        kept = (s for s in self.sections if s is first or s.name != section.name)
        return Keyfile(tuple(section if s is first else s for s in kept))

    def _with_end(self, section: Section) -> Keyfile:
        """Return the file with one section more, a blank line before it."""
        there = self._trimmed().sections
        if there:
            there = (*there[:-1], Section(there[-1].name, there[-1].head, (*there[-1].lines, "")))
        return Keyfile((*there, section))

    def _trimmed(self) -> Keyfile:
        """Return the file without blank lines at its end."""
        if not self.sections:
            return self
        last, lines = self.sections[-1], list(self.sections[-1].lines)
        while lines and not lines[-1].strip():
            lines.pop()
        return Keyfile((*self.sections[:-1], Section(last.name, last.head, tuple(lines))))
