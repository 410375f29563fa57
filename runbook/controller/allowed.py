"""Programs of somebody else that would run here, and the operator's word for each of them.

A parameter file may come from anybody, and some of what it names runs on the controller. The word for it is
the operator's own, not the file's: a note in their configuration folder, named by the digest of exactly the
program that was read. A program that was changed since is another one.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runbook.controller.atomic import write_atomic
from runbook.errors import ConsentMissing, ParamsError
from runbook.text.printable import printable


@dataclass(frozen=True)
class Program:
    """What a parameter would run on the controller."""

    place: str
    """The parameter, such as `connection.config`."""
    text: str
    """All of it that decides what runs, as it stands there; several lines for a file."""

    @property
    def digest(self) -> str:
        """SHA-256 that changes with anything in it."""
        return hashlib.sha256(json.dumps([self.place, self.text]).encode()).hexdigest()

    @property
    def lines(self) -> list[str]:
        """The program for a person to read, each line as it is printed on a screen."""
        return [printable(line) for line in self.text.split("\n")]


def config_folder() -> Path:
    """Return the operator's own folder of this project: `~/.config/xen-host-runbook`."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(config).expanduser() / "xen-host-runbook"


def is_allowed(program: Program) -> bool:
    """Return whether the operator gave their word for exactly this program.

    A note that somebody else could have written is none: folder and note must be the operator's alone.
    """
    note = _note(program)
    try:
        return all(_is_own(path) for path in (note.parent.parent, note.parent, note)) and note.is_file()
    except OSError:
        return False


def allow(program: Program) -> None:
    """Keep the operator's word for a program. Raises `ParamsError` when the folder is open to others."""
    note = _note(program)
    for folder in (note.parent.parent, note.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_own(folder):
            why = "others can write there, or it is somebody else's"
            raise ParamsError(f"Your word cannot be kept in {folder}", why=why, do=f"chmod go-w {folder}")
    write_atomic(note, "\n".join((program.place, *program.lines)) + "\n", 0o600)


def take_back(program: Program) -> bool:
    """Take the operator's word for a program back; return whether there was one."""
    was_allowed = is_allowed(program)
    _note(program).unlink(missing_ok=True)
    return was_allowed


def require(programs: Iterable[Program], where: str = "") -> None:
    """Return when the operator gave their word for all of these.

    Raises `ConsentMissing` that names the others and the next move; nothing of them was run.
    """
    missing = [program for program in programs if not is_allowed(program)]
    if missing:
        raise ConsentMissing(
            "The parameters would run programs on this machine, and you did not agree to that",
            where=where,
            why="; ".join(f"{p.place}: {p.lines[0]}" + " …" * (len(p.lines) > 1) for p in missing),
            do="read them: runbook validate PARAMS; then, if you mean them: runbook allow PARAMS",
        )


def _note(program: Program) -> Path:
    return config_folder() / "allowed" / program.digest


def _is_own(path: Path) -> bool:
    about = path.lstat()
    return about.st_uid == os.geteuid() and not (stat.S_ISLNK(about.st_mode) or about.st_mode & 0o022)
