"""What the guide of 2013 does, entry by entry, read from `guide.yml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["command", "prose", "file", "setting", "flags", "output"]
"""`prose` is what the guide tells in words and commands do; `setting` is done by hand in a menu."""
DATA = Path(__file__).with_name("guide.yml")


@dataclass(frozen=True)
class Entry:
    """A few lines of the guide that belong together."""

    section: str
    kind: Kind
    lines: tuple[str, ...]
    """Commands, settings or a file's lines, as facts of the guide."""
    step: str
    """The step at whose place the wheezy profile plans it."""
    today: str
    """The step that does this today; the same one nearly always."""
    corrected: tuple[str, ...]
    """The wheezy profile's form; the same lines where nothing is wrong with them."""
    faults: tuple[str, ...]
    why: str
    """What the correction is for; '' where there is none."""
    told: str
    """Why no step does it today; '' when one does."""
    path: str
    """For a file, where it goes on the host."""

    @property
    def is_corrected(self) -> bool:
        """True when the wheezy profile does not do what the guide says."""
        return self.corrected != self.lines


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries in the guide's order; the kernel's flags come from their own table."""
    from ruamel.yaml import YAML

    return tuple(_entry(raw) for raw in YAML(typ="safe").load(DATA))


def _entry(raw: dict[str, Any]) -> Entry:
    from runbook.builds import flags

    lines = tuple(raw["lines"])
    if raw["kind"] == "flags":
        lines = tuple(f"{flag.name}={flag.wanted}" for flag in flags.guide("6.12"))
    return Entry(
        section=raw["section"],
        kind=raw["kind"],
        lines=lines,
        step=raw["step"],
        today=raw.get("today", raw["step"]),
        corrected=tuple(raw.get("corrected", lines)),
        faults=tuple(raw.get("faults", ())),
        why=raw.get("why", ""),
        told=raw.get("told", ""),
        path=raw.get("path", ""),
    )
