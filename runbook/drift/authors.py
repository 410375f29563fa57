"""Who changed something, as far as the journals of the runbook's own runs tell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runbook.drift.compare import Change
from runbook.engine.journal import of_machine, read

NOBODY = "not the runbook"
NAMED = ("package", "service", "volume")
"""Kinds whose names stand in the titles of actions for the thing itself; elsewhere a word may mean another."""


@dataclass(frozen=True)
class Deed:
    """One action that a run carried out, or began: one that failed may have done a part of its work."""

    run: str
    step: str
    title: str
    path: str = ""
    left: str = ""
    """For a file, the SHA-256 of what the action left there."""
    failed: bool = False

    @property
    def where(self) -> str:
        return f"{self.step} in run {self.run}" + (", which failed" if self.failed else "")

    @property
    def by(self) -> str:
        return f"{'perhaps ' if self.failed else ''}the runbook: {self.where}"


def deeds(runs: Iterable[Path], machine: str) -> list[Deed]:
    """Return what some runs did to one installation, oldest first; a way back (`runbook undo`) too."""
    found, newest = list[Deed](), 0
    for folder in runs:
        for line in of_machine(read(folder / "journal.jsonl"), machine):
            if line["event"] == "action-end" and line.get("status") == "failed" and found:
                found[newest:] = [replace(deed, failed=True) for deed in found[newest:]]
            elif line["event"] == "action-begin":
                step, title, path, left = (str(line.get(k) or "") for k in ("step", "title", "path", "left"))
                newest, places = len(found), {path: left, **line.get("also", {})}
                found += [Deed(folder.name, step, title, path, left) for path, left in places.items()]
    return found


def of(change: Change, done: Sequence[Deed]) -> str:
    """Return who made a change: the runbook, not the runbook, or that it cannot be told."""
    digest = hashlib.sha256(change.text.encode()).hexdigest() if change.text is not None else ""
    # A write that failed left the file as it was, unless it is what it would have written.
    mine = [deed for deed in done if deed.path == change.name and (not deed.failed or deed.left == digest)]
    if change.kind == "file" and mine:
        last = mine[-1]
        if change.text is None or "hidden-" in change.text:
            return f"perhaps the runbook: {last.where} wrote it"
        if digest == last.left:
            return last.by
        return f"{NOBODY}: somebody else, after {last.where} wrote it"
    name = re.compile(rf"(?<![\w.-]){re.escape(change.name.partition(' ')[0])}(?![\w-])")
    if change.name and (named := [deed for deed in done if name.search(deed.title)]):
        return named[-1].by if change.kind in NAMED else f"perhaps the runbook: {named[-1].where}"
    if done:
        runs = ", ".join(dict.fromkeys(deed.run for deed in done))
        return f"not known: the runbook did {len(done)} things since, in {runs}"
    return NOBODY
