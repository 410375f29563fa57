"""A capture: a folder of a machine's raw answers, one file a question, and one index that says which is which.

`capture.json` has the format, the day, and for each question its words (`run`, an argv, or `read`, a path), the status
and the error stream of its answer, and the file in `answers/` that holds what was said; '' where that is nothing.
`params.yml` beside it are the parameters with which the steps' questions were asked. Whoever sends one may be anybody:
what cannot be a capture is refused whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.controller.signals import watching
from runbook.errors import ParamsError
from runbook.model.ask import Answer, Ask

INDEX, ANSWERS, PARAMS = "capture.json", "answers", "params.yml"
FORMAT = 1
LARGEST = 256 << 20
"""Bytes that all answers may have together: a large server's have a hundredth of it, and all of them are held at once."""
MOST = 4096
"""Questions that a capture may have: a machine is asked some hundred."""
ABOUT = (
    "What a machine answered, cleaned of names, addresses and secrets: `runbook survey --capture FOLDER` shows it, and "
    "`runbook plan --capture FOLDER` plans on it. Look through the answers before you give them to anybody."
)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_DO = "take the whole folder as it was saved; `runbook survey --save FOLDER` makes a new one"


@dataclass(frozen=True)
class Said:
    """One question with its answer, and the name of its file."""

    name: str
    ask: Ask
    answer: Answer


@dataclass(frozen=True)
class Capture:
    """What a folder holds."""

    place: Path
    made: str
    """The day, such as 2026-11-30."""
    said: tuple[Said, ...]

    @property
    def answers(self) -> dict[Ask, Answer]:
        """Every question with its answer."""
        return {one.ask: one.answer for one in self.said}


def load(folder: Path) -> Capture:
    """Return what a folder holds. Raises `ParamsError` for one that is no capture, or was cut or changed."""
    index = folder / INDEX
    try:
        value = plain.read_json(index)
        if value["format"] != FORMAT:
            raise ParamsError(
                f"A capture of another format: {value['format']!r:.60}",
                where=str(index),
                why=f"this runbook reads format {FORMAT}",
                do="read it with the runbook that wrote it, or make it anew: runbook survey --save FOLDER",
            )
        if (folder / ANSWERS).is_symlink():
            raise ValueError(f"{ANSWERS} is a link, not a folder")
        if len(value["questions"]) > MOST:
            raise ValueError(
                f"it lists {len(value['questions'])} questions, and none is asked more than {MOST}"
            )
        left, said = LARGEST, list[Said]()
        for one in value["questions"]:
            said.append(_said(folder, one, left))
            left -= len(said[-1].answer.out)
        return Capture(folder, str(value["made"]), tuple(said))
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        what = "There is no capture" if missing == INDEX else "A capture lacks an answer"
        raise ParamsError(what, where=str(folder), why=f"{error.filename} is missing", do=_DO) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        is_told = isinstance(error, (OSError, ValueError))
        why = str(error) if is_told else f"it is not made as an index is: {type(error).__name__}: {error}"
        raise ParamsError("A capture cannot be read", where=str(index), why=why, do=_DO) from None


def _said(folder: Path, value: dict[str, Any], largest: int) -> Said:
    """Return one entry. Raises `ValueError` for what is none, or too large; no file outside of the capture is opened."""
    name, file, status, err = value["name"], value["file"], value["status"], value.get("err", "")
    words = (value["read"],) if "read" in value else tuple(value["run"])
    if not (words and all(isinstance(word, str) for word in (*words, name, file, err))):
        raise ValueError(f"the question {name!r} is not made of texts")
    if type(status) is not int or not (file == "" or _FILE.fullmatch(file)):
        raise ValueError(f"the question {name!r} names no answer")
    largest = min(largest, plain.LARGEST_JSON)
    try:
        out = plain.read(folder / ANSWERS / file, largest).decode(errors="replace") if file else ""
    except plain.NotPlain as error:
        raise ValueError(f"the answer {ANSWERS}/{file}: {error}") from None
    return Said(name, Ask("read" if "read" in value else "run", words), Answer(status, out, err))


def prove_free(folder: Path, *, force: bool) -> None:
    """Raise `ParamsError` when something is there already; with `force` only when that is no capture."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not force:
        why = "a capture takes no other's place without a word"
        do = "choose another folder, or say --force to make that capture anew"
        raise ParamsError(f"{folder} is there already", why=why, do=do)
    if folder.is_symlink() or not (folder / INDEX).is_file():
        raise ParamsError(f"{folder} is no capture", why=f"it holds no {INDEX}", do="choose another folder")


def save(
    folder: Path, made: str, said: Iterable[Said], params: str, *, force: bool = False, **more: Any
) -> None:
    """Write a capture: the whole folder in one move, or nothing.

    `params` is the text of its parameter file; `more` goes into the index. Raises `ParamsError` as `prove_free` does, and
    `OSError`.
    """
    prove_free(folder, force=force)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with watching() as stops, stops.deferred():
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
        try:
            (new / ANSWERS).mkdir()
            entries = [_entry(new, one) for one in sorted(said, key=lambda one: one.name)]
            index = {"about": ABOUT, "format": FORMAT, "made": made, **more, "questions": entries}
            write_atomic(new / PARAMS, params)
            write_atomic(new / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
            _take_place(new, folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise


def _entry(new: Path, one: Said) -> dict[str, Any]:
    if not _FILE.fullmatch(one.name):
        raise ValueError(f"{one.name!r} cannot name a file")
    if one.answer.out:
        (new / ANSWERS / one.name).write_bytes(one.answer.out.encode())
    words = {"read": one.ask.argv[0]} if one.ask.kind == "read" else {"run": list(one.ask.argv)}
    said = {"status": one.answer.status, **({"err": one.answer.err} if one.answer.err else {})}
    return {"name": one.name, "file": one.name if one.answer.out else "", **words, **said}


def _take_place(new: Path, folder: Path) -> None:
    """Move a new capture to where it belongs; what was there before is gone only when the new one is whole."""
    if not folder.is_dir() or not any(folder.iterdir()):
        new.replace(folder)
        return
    old = new.with_suffix(".old")
    folder.replace(old)
    try:
        new.replace(folder)
    except BaseException:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
