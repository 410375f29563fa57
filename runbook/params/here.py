"""What parameters name and this runbook has to have: steps to consent to, the folder of a recording or a capture."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from runbook.controller.nearest_path import nearest_path
from runbook.errors import ParamsError
from runbook.params.host import Captured, Recorded
from runbook.params.model import HostParams
from runbook.params.yaml12 import Where

_STEPS = Path(__file__).resolve().parents[1] / "steps"
"""Each step is the file of its name, in the folder of its chapter."""
TAKE_BACK = "undo"
"""Not a step, but consented to like one: `runbook undo`."""
REHEARSED = "rehearsed"
"""Nor is this: whatever ended well in a rehearsal, exactly as it was planned there."""


def prove(params: HostParams, file: Path, lines: dict[Where, int], found: Path | None) -> None:
    """Raise `ParamsError` for consent to what is no step, and for a recording or a capture that is no folder.

    `found` is where that was found, None when it was not.
    """
    wrong = [*_consents(params), *_folder(params, found)]

    def said(at: Where, why: str, do: str, *others: ParamsError) -> ParamsError:
        line = lines.get(at) or lines.get(at[:-1], 1)
        what = f"The parameter '{'.'.join(map(str, at))}' is wrong"
        return ParamsError(what, where=f"{file}, line {line}", why=why, do=do, at=at, others=others)

    if wrong:
        first, *rest = wrong
        raise said(*first, *(said(*one) for one in rest))


def step_names() -> list[str]:
    """Return the names of all steps, from their files: a chapter's folder holds nothing else."""
    return sorted(path.stem for path in _STEPS.glob("[!_]*/[!_]*.py") if path.parent.name != "shared")


def _consents(params: HostParams) -> Iterator[tuple[Where, str, str]]:
    if not params.consent:
        return
    known = step_names()
    for index, line in enumerate(params.consent):
        name = line.partition(":")[0]
        if name not in (*known, TAKE_BACK) and line != REHEARSED:
            near = difflib.get_close_matches(name, known, n=1)
            do = (
                f"did you mean '{near[0]}'?"
                if near
                else "take it away, or write the name of a step that asks"
            )
            yield ("consent", index), f"there is no step '{name}' to consent to", do


def folder(params: HostParams) -> tuple[str, str]:
    """Return key and path of the folder that a connection names, '' where it names none."""
    match params.connection:
        case Recorded(recording=named):
            return "recording", named
        case Captured(folder=named):
            return "folder", named
    return "", ""


def _folder(params: HostParams, found: Path | None) -> Iterator[tuple[Where, str, str]]:
    key, named = folder(params)
    if not key or (found is not None and found.is_dir()):
        return
    why = f"there is no {named}" if found is None else f"{named} is no folder"
    do = "name the folder of a recording, such as recordings/testbed"
    if key == "folder":
        do = "name a folder that `runbook survey --save` wrote"
    do = nearest_path(named, Path.is_dir) or do
    yield ("connection", key), why, do
