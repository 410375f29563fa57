"""How a run is closed: its attestation is written, its last word is put in force, and the ledger takes it in."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path

from runbook import params as parameters
from runbook.attestation import dsse, entering
from runbook.attestation.keys import SigningKey
from runbook.attestation.places import is_plan
from runbook.attestation.statement import (
    CLOSING,
    NAME,
    RECORD,
    RUN,
    Json,
    contents,
    digest,
    digests,
    read,
    runs_in,
)
from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.controller.locks import locked
from runbook.engine.journal import now
from runbook.engine.journal import read as read_journal
from runbook.errors import ParamsError
from runbook.params.host import Recorded
from runbook.text.printable import printable

log = logging.getLogger("runbook.evidence")


def attest(folder: Path, run: Json, key: SigningKey | None) -> None:
    """Write the attestation of a run that has ended into its folder, put its last word in force, enter it.

    `run` is the content of that last word (`CLOSING`). A run that is cut off in between is either
    without both, or `close_again` finishes it, or it only waits for its place in the ledger
    (`entering.catch_up`). A plan follows no run, and the ledger has no line of it. An attestation that is there is never replaced: raises `FileExistsError`.
    Raises `OSError` when it cannot be written.
    """
    _tidy(folder)
    subjects = digests(folder)
    subjects[RECORD] = subjects.pop(CLOSING)
    sizes = {name: found.st_size for name, found in contents(folder) if not plain.kind(found.st_mode)}
    sizes[RECORD] = sizes.pop(CLOSING)
    content = _predicate(folder, run) | {"sizes": {n: sizes[n] for n in sorted(sizes.keys() & subjects)}}
    if is_plan(folder):
        _write(folder, subjects, content | {"previous": None}, key)
        _put_in_force(folder)
        return
    with entering.opened(folder.parent.parent, key) as book:
        with locked(folder.parent):
            content |= {"previous": _newest(folder), "ledger": book.last if book else None}
            _write(folder, subjects, content, key)
        _put_in_force(folder)
        if book:
            try:
                book.enter(folder, key)
            except (OSError, ValueError) as error:  # the run is closed; it waits for its place in the ledger
                log.warning("the run is not entered in the ledger now: %s", printable(error))


def close_again(folder: Path) -> bool:
    """Finish a run that was cut off after its attestation was written; return whether it was one.

    Nothing else is written where an attestation is, whatever the record says.
    Raises `ValueError` or `OSError` when the attestation cannot be read.
    """
    if not plain.is_there(folder / NAME) or not plain.is_there(folder / CLOSING):
        return False
    if read(folder).subjects.get(RECORD) != digest(folder / CLOSING):
        return False
    _put_in_force(folder)
    return True


def _write(folder: Path, subjects: dict[str, str], content: Json, key: SigningKey | None) -> None:
    if plain.is_there(folder / NAME):
        raise FileExistsError(f"{folder / NAME} is there already")
    write_atomic(folder / NAME, dsse.seal(RUN, subjects, content, key))


def _put_in_force(folder: Path) -> None:
    (folder / CLOSING).replace(folder / RECORD)


def _tidy(folder: Path) -> None:
    """Remove empty folders: an attestation names files alone, and a folder that it does not know is an added one."""
    for name in reversed([name for name, f in contents(folder) if plain.kind(f.st_mode) == "a folder"]):
        with suppress(OSError):  # it is not empty
            (folder / name).rmdir()


def _predicate(folder: Path, run: Json) -> Json:
    told = {k: run[k] for k in ("id", "host", "mode", "outcome", "exit_code", "started", "ended")}
    return {
        # Of a run whose runner died nobody saw the end: it is closed when that is noticed.
        "run": told | {"ended": run["ended"] or now()},
        "materials": {
            "source": run["made_with"]["source"],
            "parameters": run["params"],
            "recording": _recording(folder) if run["connection"] == "recorded" else None,
            "machines": _machines(folder),
            "python": run["made_with"]["python"],
            "packages": run["made_with"]["packages"],
        },
    }


def _newest(run: Path) -> Json | None:
    """Return what a run follows: of its host the attested run that no other follows, the last started of several."""
    attested = [path for path in runs_in(run.parent) if path != run and _is_plain(path / NAME)]
    followed = set()
    for path in attested:
        try:
            before = read(path).previous
        except ValueError:
            continue  # damaged: the next run is bound to it as it is, and `verify` tells
        followed.add(before[0] if before else "")
    ends = [path for path in attested if path.name not in followed]
    return {"run": ends[-1].name, "sha256": digest(ends[-1] / NAME)} if ends else None


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= plain.LARGEST


def _recording(folder: Path) -> Json | None:
    """Return a recorded host's recording: the SHA-256 of what `find * -type f | LC_ALL=C sort | xargs sha256sum` prints in it.

    None when it cannot be found or read any more: that must not cost the run its attestation.
    """
    try:
        connection = parameters.load(folder / "params.yml", is_kept=True).connection
        if not isinstance(connection, Recorded):
            return None
        top = parameters.find(connection.recording)
        files = sorted((str(path.relative_to(top)), path) for path in top.rglob("*") if path.is_file())
        listed = "".join(f"{digest(path)}  {name}\n" for name, path in files)
    except (ParamsError, OSError, ValueError):
        return None
    return {"path": connection.recording, "sha256": hashlib.sha256(listed.encode()).hexdigest()}


def _machines(folder: Path) -> list[str]:
    """Return the installations that the run met (`runbook.facts.identity`), in order."""
    lines = read_journal(folder / "journal.jsonl")
    return list(dict.fromkeys(str(line["machine"]) for line in lines if line.get("machine")))
