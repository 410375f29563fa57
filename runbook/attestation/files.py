"""Whether a run's folder holds what its attestation says: every file, nothing else, and nothing in a file's place."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from runbook.attestation.statement import NAME, PRUNED, RECORD, Attested, listing, what
from runbook.controller import plain
from runbook.errors import CheckFailed
from runbook.text.printable import printable

RESTORE = "restore it from a backup; if nobody can say who did this, do not rely on this host's reports"
_MINE = "if it is yours, move it elsewhere"
_RIGHTS = stat.S_IRUSR | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH | 0o7000
"""No file of a report is a program or kept from its owner; who may read or write it, a copy may change."""
_DEPTH = 16


def bad(why_bad: str, where: Path, why: str, do: str = RESTORE) -> CheckFailed:
    """Return the error that names what was done to reports; nothing in it acts on a terminal."""
    return CheckFailed(why_bad, where=printable(where), why=printable(why), do=do)


def prove(folder: Path, statement: Attested, pruned: Collection[str], record: str = RECORD) -> None:
    """Raise `CheckFailed` that names the first file that was added, removed or altered since a run ended.

    `pruned` may be missing. `record` is the name under which the attested `run.json` lies: another one while
    the run is not quite closed. A folder that the attestation does not know is named, and not looked through.
    """
    found = dict(_known(folder, statement, record))
    _prove_rights(folder, found)
    for name in sorted(statement.subjects):
        at = record if name == RECORD else name
        if at not in found:
            if name not in pruned:
                raise bad("A file was removed", folder / name, "it was there when the run ended")
            continue
        _prove_file(folder / at, found[at], statement.subjects[name], statement.sizes.get(name))


def _known(folder: Path, statement: Attested, record: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files that the attestation knows. Raises `CheckFailed` for anything else that is there."""
    expected = {*statement.subjects, record, NAME, PRUNED, RECORD}
    folders = {str(parent) for name in statement.subjects for parent in PurePosixPath(name).parents} - {"."}
    inside = [""]
    while inside:
        for name, found in listing(folder, inside.pop()):
            is_folder = plain.kind(found.st_mode) == "a folder"
            if is_folder and name in folders:
                inside.append(name)
            elif name in folders:
                raise bad(
                    "A file was altered", folder / name, f"it is {what(folder / name, found)}, not a folder"
                )
            elif name not in expected:
                raise _added(folder, name, is_folder)
            else:
                yield name, found


def _added(folder: Path, name: str, is_folder: bool) -> CheckFailed:
    if not is_folder:
        return bad("A file was added", folder / name, "it was not there when the run ended", _MINE)
    inner = _first_file(folder, name)
    if inner is None:
        return bad("A folder was added", folder / name, "it was not there when the run ended", _MINE)
    return bad("A file was added", folder / inner, "it was not there when the run ended", _MINE)


def _first_file(folder: Path, name: str) -> str | None:
    """Return the first file in a folder or in its first folders, None when there is none near."""
    for _ in range(_DEPTH):
        inner = list(listing(folder, name))
        files = [path for path, found in inner if plain.kind(found.st_mode) != "a folder"]
        if files or not inner:
            return files[0] if files else None
        name = inner[0][0]
    return None


def _prove_rights(folder: Path, found: dict[str, os.stat_result]) -> None:
    """Raise `CheckFailed` when one file may be run, or not be read by its owner, and others are not so.

    A file system without rights shows all of them alike, and that is nobody's doing.
    """
    rights = {name: s.st_mode & _RIGHTS for name, s in found.items() if not plain.kind(s.st_mode)}
    usual = max(sorted(set(rights.values())), key=list(rights.values()).count, default=0)
    for name, bits in sorted(rights.items()):
        if bits != usual:
            why = f"its rights are {found[name].st_mode & 0o7777:o}, and the other files' are not such"
            raise bad(
                "A file was altered", folder / name, why, f"chmod 644 {printable(name)}, and ask who did it"
            )


def _prove_file(path: Path, found: os.stat_result, sha256: str, size: int | None) -> None:
    kind = plain.kind(found.st_mode)
    if kind and sha256 in ("no plain file", what(path, found)):
        return  # it was none when the run ended either
    try:
        if kind:
            raise plain.NotPlain(f"it is {what(path, found)}, not a file")
        current = plain.digest(path, size)
    except (plain.NotPlain, OSError) as error:
        raise bad("A file was altered", path, str(error)) from None
    if current != sha256:
        why = f"its SHA-256 was {sha256[:16]}… when the run ended, and is {current[:16]}…"
        raise bad("A file was altered", path, why)
