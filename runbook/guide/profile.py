"""The wheezy profile: for every step of today, what the guide did there, its faults corrected.

It plans; it is carried out only on a machine that really runs Debian 7. No such machine was at
hand: the commands are the guide's own with the corrections of their faults, and were not run.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from runbook.actions import Run
from runbook.guide.entries import Entry, entries
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams

MARKS = "/var/lib/xen-runbook/wheezy"
"""One file for each step that was carried out, with the digest of its commands."""


@dataclass(frozen=True)
class Commands(Run):
    """The commands of one step; the preview shows the guide's lines and their corrections as a diff."""

    entries: tuple[Entry, ...] = ()

    @property
    def title(self) -> str:
        return f"{len(self.entries)} of the guide's blocks, corrected" if self.entries else "mark as done"

    def preview(self, facts: Facts) -> str:
        """Return the guide's lines, with - and + where they are corrected."""
        return "\n".join(map(_diff, self.entries)) if self.entries else super().preview(facts)


class GuideStep:
    """A step of today in the guide's own way; it has the shape of a step module."""

    def __init__(self, name: str, modern: object) -> None:
        self.__name__ = name
        self.TITLE: str = getattr(modern, "TITLE", name)
        self.GUIDE: str = getattr(modern, "GUIDE", "")
        self.RISK: str = getattr(modern, "RISK", "safe")
        self.entries = tuple(e for e in entries() if e.step == name)

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        """Return the question whether this was done; a recording of another release is not asked."""
        return () if params.connection.kind == "recorded" else (Ask.read(self._mark),)

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the corrected commands in the guide's order, and each fault beside the guide's own line."""
        blocks = tuple(e for e in self.entries if _script(e))
        script = "\n".join(("set -eu", *map(_script, blocks)))
        actions = (Commands(("bash", "-c", script), timeout_s=24 * 3600, entries=blocks),) if blocks else ()
        findings = tuple(_finding(e) for e in self.entries if e.is_corrected)
        if not self.entries:
            return Plan(note="The guide has nothing for this step, so the wheezy profile plans nothing.")
        by_hand = [line for e in self.entries if e.kind == "setting" for line in e.corrected]
        note = "By hand, as in the guide: " + "; ".join(by_hand) if by_hand else ""
        done = Ask.read(self._mark) in facts and facts.text(self._mark) == self._digest
        if done or not actions:
            return Plan(findings=findings, note=note)
        mark = f"mkdir -p {MARKS} && printf '%s\\n' {self._digest.strip()} > {self._mark}"
        return Plan((*actions, Commands(("sh", "-c", mark), "so that it is not done twice")), findings, note)

    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        """Return nothing: the guide checked nothing, and this profile adds no more than corrections."""
        return []

    @property
    def _mark(self) -> str:
        return f"{MARKS}/{self.__name__.rpartition('.')[2]}"

    @property
    def _digest(self) -> str:
        text = "\n".join(line for e in self.entries for line in e.corrected)
        return hashlib.sha256(text.encode()).hexdigest()[:12] + "\n"


def steps_of(modern: Mapping[str, object]) -> dict[str, GuideStep]:
    """Return the guide's steps for a notebook's steps of today, by the same names."""
    return {name: GuideStep(name, step) for name, step in modern.items()}


def _script(entry: Entry) -> str:
    """Return the shell of an entry, '' for what is done by hand or left out."""
    if entry.kind == "file":
        return _written(entry.path, entry.corrected)
    if entry.kind == "flags":
        return "\n".join((_written("../guide.config", entry.lines), *entry.corrected))
    return "\n".join(entry.corrected) if entry.kind in ("command", "prose") else ""


def _written(path: str, lines: tuple[str, ...]) -> str:
    return "\n".join((f"cat > {path} <<'END-OF-FILE'", *lines, "END-OF-FILE"))


def _diff(entry: Entry) -> str:
    title = f"# {entry.path}\n" if entry.path else ""
    if entry.kind == "flags":
        return f"# {len(entry.lines)} flags to ../guide.config\n" + "".join(
            f"+{c}\n" for c in entry.corrected
        )
    lines = difflib.unified_diff(entry.lines, entry.corrected, n=1000, lineterm="")
    told = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return title + "".join(f"{line}\n" for line in told or [f" {line}" for line in entry.lines])


def _finding(entry: Entry) -> Finding:
    is_left_out = entry.is_corrected and not entry.corrected
    first = "the flags" if entry.kind == "flags" else entry.lines[0]
    what = f"{'Left out' if is_left_out else 'Corrected'}: {first}"
    return Finding("info", what, entry.why, "", ", ".join(entry.faults))
