"""The files of a recording: a folder a notebook, in it one file for its opening and one for each step.

A line is what happened, in the order in which it did: `gather`, the answers that were new or different since the
gather before, or `do`, a command, a write or a restart, with what came back. `opening.jsonl` has a line for each
question that the notebook asked at its beginning; a step's file has what was done by that step and what the host
said afterwards. So a new step is a new file, and a new question a new line. A step that had nothing to do has a file
without lines: it was played, which a step without a file was not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runbook.controller.atomic import write_atomic
from runbook.errors import NotRecorded
from runbook.hosts.renamed import renaming
from runbook.params import HostParams

OPENING = "opening"
PARAMS = "params.json"
"""Beside the notebooks: what the parameters asked for in the recorded run, without the connection."""
Entry = dict[str, Any]


def names(recording: Path) -> list[str]:
    """Return the notebooks that a recording holds, in their order."""
    return sorted(path.parent.name for path in recording.glob(f"*/{OPENING}.jsonl"))


def load(recording: Path, notebook: str, host: str = "") -> dict[str, list[Entry]]:
    """Return the entries of a notebook by the step in which they happened; those of its beginning are `opening`'s.

    The opening comes first, with its questions as one entry; the steps have no order among them. With `host` the
    recorded machine is called so.
    Raises `NotRecorded` for a file that was cut or is none of a recording's, {} when there is no such notebook.
    """
    files = sorted((recording / notebook).glob("*.jsonl"), key=lambda path: path.stem != OPENING)
    rename = renaming(asked(recording) or {}, host)
    found = {path.stem: rename(read(path)) for path in files}
    if OPENING not in found:
        return {}
    first: Entry = {"gather": {}}
    later = found[OPENING]
    while later and "gather" in later[0]:
        first["gather"] |= later[0]["gather"]
        later = later[1:]
    return {**found, OPENING: [first, *later]}


def in_order(files: dict[str, list[Entry]], steps: Iterable[str]) -> list[tuple[str, Entry]]:
    """Return the entries of a loaded notebook as they happened, each with its step; `steps` are in their order."""
    names = [OPENING, *(step for step in steps if step != OPENING)]
    return [(name, entry) for name in names for entry in files.get(name, ())]


def asked(recording: Path) -> Entry | None:
    """Return what the parameters asked for in the recorded run, None when that was not kept."""
    path = recording / PARAMS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def read(path: Path) -> list[Entry]:
    """Return the entries of one file. Raises `NotRecorded` where a line is none."""
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            entry = json.loads(line)
            if not isinstance(entry, dict) or not ("gather" in entry or {"do", "said"} <= entry.keys()):
                raise ValueError("it is neither an answer nor something that was done")
        except ValueError as error:
            raise NotRecorded(
                f"Line {number} of a recording cannot be read",
                where=str(path),
                why=str(error),
                do="the file was cut or changed: restore it from its source",
            ) from None
        entries.append(entry)
    return entries


def lines(entries: Iterable[Entry], *, is_opening: bool = False) -> str:
    """Return the text of entries; of the opening, each question has a line of its own, in alphabetical order."""
    out = []
    for entry in entries:
        if is_opening and "gather" in entry:
            out += [line({"gather": {key: said}}) for key, said in sorted(entry["gather"].items())]
        else:
            out.append(line(entry))
    return "".join(out)


def line(entry: Entry) -> str:
    """Return the line of one entry."""
    return json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n"


def asked_for(params: HostParams) -> Entry:
    """Return what a parameter file asks for, apart from how the host is reached: what a recording is an answer to."""
    return params.model_dump(mode="json", exclude_unset=True, exclude={"connection"})


def keep_params(recording: Path, params: HostParams) -> None:
    """Write beside the recorded notebooks what the parameters asked for."""
    recording.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asked_for(params), indent=1, sort_keys=True)
    write_atomic(recording / PARAMS, text + "\n")
