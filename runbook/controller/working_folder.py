"""A folder to work in without a clone: own copies of the notebooks, examples and pages, brought up to date later.

What was handed out is kept as digests in `NOTE`, so that a later version tells three things apart: what nobody touched
is replaced, what somebody edited stays and the new one is laid beside it, and a notebook that was only run is replaced
and the run one laid beside. Nothing that a person made is written over or removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from runbook.controller import shipped
from runbook.controller.aside import beside
from runbook.controller.atomic import write_atomic
from runbook.controller.locks import locked
from runbook.errors import ParamsError, RunbookError

NOTE = ".runbook.json"
"""In a working folder: which version handed what out, as digests."""
README = Path(__file__).with_name("working_folder.md")
NEW, OLD = "new", "old"
Digests = dict[str, str]


@dataclass(frozen=True)
class Told:
    """What became of one file: `added`, `replaced`, `kept` (edited), `run` (replaced, the run one is beside it) or `gone`."""

    what: str
    name: str
    beside: str = ""
    """The file that was laid beside it, '' for none."""


def make(folder: Path) -> list[Told]:
    """Return what was written into a new working folder.

    Raises `ParamsError`, with nothing written, where it is one already, or where another file has a name that it needs.
    """
    if (folder / NOTE).exists():
        raise ParamsError(
            f"{folder} is a working folder already",
            do=f"bring it up to date with: runbook init --update {folder}",
        )
    files = _shipped()
    taken = [name for name, data in files.items() if _read(folder / name) not in (None, data)]
    if taken:
        raise ParamsError(
            f"{folder} has other files where the runbook's would be",
            why=", ".join(taken[:5]) + (f" and {len(taken) - 5} more" if len(taken) > 5 else ""),
            do="name a new folder; what you have stays as it is",
        )
    for name, data in files.items():
        _write(folder / name, data)
    (folder / "reports").mkdir(exist_ok=True)
    _keep(folder, files)
    return [Told("added", name) for name in files]


def update(folder: Path) -> list[Told]:
    """Return what became of the files of a working folder, apart from those that are up to date.

    Raises `ParamsError` for a folder that no `runbook init` made.
    """
    before = handed_out(folder)
    if before is None:
        raise ParamsError(
            f"{folder} was not made by `runbook init`",
            why=f"it has no {NOTE} that says what was handed out; a clone is brought up to date with git",
            do="make a new one with `runbook init FOLDER`, and copy your params and reports into it",
        )
    files = _shipped()
    with locked(folder):
        told = list(chain(_brought(folder, files, before), _dropped(folder, files, before)))
        _keep(folder, files)
    return told


def handed_out(folder: Path) -> dict[str, Digests] | None:
    """Return the digests of what was handed out, by name; None for what is no working folder."""
    note = _note(folder)
    return note["files"] if note else None


def stale(folder: Path) -> str:
    """Return the version that a working folder's files are of, '' where that is the installed one or it is none."""
    note = _note(folder)
    return note["version"] if note and note["version"] != shipped.version() else ""


def edited(folder: Path) -> list[str]:
    """Return the notebooks of a working folder whose cells are not those that were handed out."""
    before = handed_out(folder) or {}
    return [
        name
        for name, was in before.items()
        if "cells" in was
        and (data := _read(folder / name))
        and digests(name, data).get("cells") != was["cells"]
    ]


def digests(name: str, data: bytes) -> Digests:
    """Return what tells a file from another: `file`, all of it, and of a notebook `cells`, what a person writes.

    Running a notebook changes its outputs, numbers and metadata, and none of its cells' text.
    """
    found = {"file": hashlib.sha256(data).hexdigest()}
    if name.endswith(".ipynb"):
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(data)["cells"]]
            found["cells"] = hashlib.sha256(json.dumps(cells).encode()).hexdigest()
    return found


def _brought(folder: Path, files: dict[str, bytes], before: dict[str, Digests]) -> Iterator[Told]:
    for name, new in files.items():
        path, present = folder / name, _read(folder / name)
        was = before.get(name, {})
        if present is None:
            _write(path, new)
            yield Told("added", name)
        elif present == new:
            continue
        elif (found := digests(name, present))["file"] == was.get("file"):
            _write(path, new)
            yield Told("replaced", name)
        elif found.get("cells", "") == (coming := digests(name, new)).get("cells"):
            continue  # it is of this edition already, and was run
        elif found.get("cells", "") == was.get("cells"):
            aside = _beside(path, OLD, present)
            _write(path, new)
            yield Told("run", name, aside.name)
        else:
            yield Told("kept", name, _beside(path, NEW, new).name if coming != was else "")


def _dropped(folder: Path, files: dict[str, bytes], before: dict[str, Digests]) -> Iterator[Told]:
    """Take away what no longer comes with the runbook: a run would take an old notebook for one of its own."""
    for name in before.keys() - files.keys():
        path = folder / name
        if (present := _read(path)) is None:
            continue
        aside = (
            ""
            if digests(name, present)["file"] == before[name].get("file")
            else _beside(path, OLD, present).name
        )
        path.unlink()
        yield Told("gone", name, aside)


def _shipped() -> dict[str, bytes]:
    files = {name: path.read_bytes() for name, path in shipped.handed_out().items()}
    if not files:
        raise RunbookError(
            "The runbook came without its notebooks",
            where=str(shipped.root()),
            do="install it anew, from a wheel or a clone",
        )
    return {"README.md": README.read_bytes(), **files}


def _beside(path: Path, word: str, data: bytes) -> Path:
    """Write a file beside another, and return it: `NAME.new`, `NAME.new-2` where that is another one already."""
    aside = beside(path, lambda number: f"{path.name}.{word}" + (f"-{number}" if number > 1 else ""), data)
    _write(aside, data)
    return aside


def _keep(folder: Path, files: dict[str, bytes]) -> None:
    note = {
        "version": shipped.version(),
        "files": {name: digests(name, data) for name, data in files.items()},
    }
    write_atomic(folder / NOTE, json.dumps(note, indent=1, sort_keys=True) + "\n")


def _note(folder: Path) -> dict[str, Any] | None:
    data = _read(folder / NOTE)
    if data is None:
        return None
    try:
        note = json.loads(data)
        if isinstance(note["version"], str) and all(isinstance(was, dict) for was in note["files"].values()):
            return dict(note)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise ParamsError(
        f"{folder / NOTE} cannot be read",
        why="it keeps what was handed out, so that your own edits are told apart",
        do="restore it; or take it away and make a new folder with `runbook init`, and copy your params and reports",
    )


def _read(path: Path) -> bytes | None:
    """Return a file's content, None where there is nothing."""
    return path.read_bytes() if os.path.lexists(path) else None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data.decode("utf-8"))
