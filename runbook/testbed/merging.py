"""What the record of one step adds to a recording: values in, files out; no machine is needed.

Of what the machine said only what the step itself asks is taken. All else stands as the other steps recorded it, on a
machine on which more had been done before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runbook.controller.atomic import write_atomic
from runbook.hosts import recording as files
from runbook.hosts.recording import OPENING, Entry
from runbook.params import HostParams
from runbook.steps import Step

Files = Mapping[str, list[Entry]]
"""The entries of a notebook by their step, as `runbook.hosts.recording.load` returns them."""


def needed(recorded: Files, steps: Mapping[str, Step], name: str, params: HostParams) -> list[str]:
    """Return the earlier steps of a notebook that may have changed an answer which the step reads, or one that those read."""
    names = list(steps)
    causes, asked = _causes(recorded, steps, params), _keys(steps[name], params)
    found: list[str] = []
    for before in reversed(names[: names.index(name)]):
        if any(before in causes.get(key, ()) for key in asked):
            found.insert(0, before)
            asked |= _keys(steps[before], params)
    return found


def _causes(recorded: Files, steps: Mapping[str, Step], params: HostParams) -> dict[str, set[str]]:
    """Return for each question whose answer changed the steps that did something since it was asked before."""
    acting: list[str] = []
    asked_at: dict[str, int] = {}
    causes: dict[str, set[str]] = {}
    for name, following in zip(steps, [*list(steps)[1:], None], strict=True):
        for entry in recorded.get(name, []):
            if "do" in entry:
                acting += [] if name in acting else [name]
                continue
            for key in entry["gather"]:
                causes.setdefault(key, set()).update(acting[asked_at.get(key, 0) :])
            looked_at = _keys(steps[name], params) | (_keys(steps[following], params) if following else set())
            asked_at |= dict.fromkeys(looked_at, len(acting))
    return causes


def first(folder: Path, name: str, step: Step, said: Files, params: HostParams) -> None:
    """Add to a notebook of the first run what the step did and was told, and the questions that are new."""
    asked = _keys(step, params)
    happened = [own for entry in said[name] if (own := _only(entry, asked, said[name]))]
    if others := _of_others(folder, name, asked):
        look = happened.pop()["gather"] if happened and "gather" in happened[-1] else {}
        happened.append({"gather": others | look})
    _write(folder, name, happened)
    _write(folder, OPENING, [{"gather": _asked(said, asked) | _opening(folder)}])


def again(folder: Path, name: str, step: Step, said: Files, params: HostParams) -> None:
    """Set in a notebook of the second run what the finished machine answers to all that the step asks."""
    _write(folder, name, [])
    _write(folder, OPENING, [{"gather": _opening(folder) | _asked(said, _keys(step, params))}])


def _keys(step: Step, params: HostParams) -> set[str]:
    return {ask.key for ask in step.asks(params)}


def _only(entry: Entry, asked: set[str], happened: list[Entry]) -> Entry:
    """Return an entry with the answers that are the step's own; after a restart all are."""
    if "gather" not in entry or any("reboot" in other.get("do", {}) for other in happened):
        return entry
    own = {key: said for key, said in entry["gather"].items() if key in asked}
    return {"gather": own} if own else {}


def _of_others(folder: Path, name: str, asked: set[str]) -> Entry:
    """Return what an earlier record of the step holds for others: a look after it asks what the step behind it reads, too."""
    before = files.load(folder.parent, folder.name) or {}
    looks = (entry["gather"] for entry in before.get(name, []) if "gather" in entry)
    return {key: answer for look in looks for key, answer in look.items() if key not in asked}


def _asked(said: Mapping[str, list[Entry]], asked: set[str]) -> Entry:
    return {key: answer for key, answer in said[OPENING][0]["gather"].items() if key in asked}


def _opening(folder: Path) -> Entry:
    found = files.load(folder.parent, folder.name)
    answers: Entry = found[OPENING][0]["gather"] if found else {}
    return answers


def _write(folder: Path, name: str, entries: list[Entry]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{name}.jsonl", files.lines(entries, is_opening=name == OPENING))
