"""The attestation of one run: what its folder holds, what it was made from, and the run before it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook import params as parameters
from runbook.atomic import write_atomic
from runbook.attestation import dsse
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.errors import ParamsError
from runbook.journal import now
from runbook.journal import read as read_journal
from runbook.locks import locked
from runbook.params.host import Recorded

NAME = "attestation.json"
PRUNED = "pruned.json"
RECORD = "run.json"
CLOSING = "run.json.closing"
"""A run's last word until its attestation is written; then it takes the place of `run.json`."""
RUN = "urn:xen-host-runbook:run:v1"
"""The kind of statement, in-toto's predicateType."""
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
Json = dict[str, Any]


@dataclass(frozen=True)
class Attested:
    """What the attestation of a run says. `previous` is the run before it and its attestation's SHA-256."""

    host: str
    run: str
    mode: str
    outcome: str
    ended: datetime
    previous: tuple[str, str] | None
    subjects: dict[str, str]
    signer: PublicKey | None


def attest(folder: Path, run: Json, key: SigningKey | None) -> None:
    """Write the attestation of a run that has ended into its folder, and put its last word in force.

    `run` is the content of that last word (`CLOSING`). A run that is cut off in between is either
    without both, or `close_again` finishes it. Raises `OSError` when it cannot be written.
    """
    with locked(folder.parent):
        told = {k: run[k] for k in ("id", "host", "mode", "outcome", "exit_code", "started", "ended")}
        predicate = {
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
            "previous": _newest(folder),
        }
        subjects = digests(folder)
        subjects[RECORD] = subjects.pop(CLOSING)
        write_atomic(folder / NAME, dsse.seal(RUN, subjects, predicate, key))
    _put_in_force(folder)


def close_again(folder: Path) -> bool:
    """Finish a run that was cut off after its attestation was written; return whether it was one.

    Raises `ValueError` or `OSError` when the attestation cannot be read.
    """
    if not (folder / NAME).exists() or not (folder / CLOSING).exists():
        return False
    if read(folder).subjects.get(RECORD) != digest(folder / CLOSING):
        return False
    _put_in_force(folder)
    return True


def _put_in_force(folder: Path) -> None:
    (folder / CLOSING).replace(folder / RECORD)


def read(folder: Path) -> Attested:
    """Return what the attestation in a run's folder says.

    Raises `ValueError` with the reason when it is not as it was written, `OSError` when it cannot be read.
    """
    said = dsse.read((folder / NAME).read_bytes(), RUN)
    try:
        run, before = said.predicate["run"], said.predicate["previous"]
        words = [str(run[key]) for key in ("host", "id", "mode", "outcome")]
        ended = datetime.fromisoformat(str(run["ended"])).astimezone(UTC)
        previous = (str(before["run"]), str(before["sha256"])) if before else None
    except (KeyError, TypeError):
        raise ValueError("what it says of the run cannot be read") from None
    if not all(word.isprintable() for word in words):
        raise ValueError("it holds what could play tricks with a terminal")
    return Attested(words[0], words[1], words[2], words[3], ended, previous, said.subjects, said.signer)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a run's folder by its path there, of the attestation none.

    What is no plain file (a link, a pipe) is not followed: it stands with what it is.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in (NAME, PRUNED):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            found[name] = "no plain file"
        elif path.is_file():
            found[name] = digest(path)
    return found


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of a host's runs, in the order in which they were started."""
    return sorted(path for path in folder.iterdir() if RUN_ID.fullmatch(path.name) and path.is_dir())


def _newest(run: Path) -> Json | None:
    """Return what a run follows: of its host the attested run that no other follows, the last started of several."""
    attested = [path for path in runs_in(run.parent) if path != run and (path / NAME).exists()]
    followed = set()
    for path in attested:
        try:
            before = read(path).previous
        except ValueError:
            continue  # damaged: the next run is bound to it as it is, and `verify` tells
        followed.add(before[0] if before else "")
    ends = [path for path in attested if path.name not in followed]
    return {"run": ends[-1].name, "sha256": digest(ends[-1] / NAME)} if ends else None


def _recording(folder: Path) -> Json | None:
    """Return a recorded host's recording: the SHA-256 of what `sha256sum *` prints in its folder.

    None when it cannot be found or read any more: that must not cost the run its attestation.
    """
    try:
        connection = parameters.load(folder / "params.yml", is_kept=True).connection
        if not isinstance(connection, Recorded):
            return None
        files = sorted(path for path in parameters.find(connection.recording).iterdir() if path.is_file())
        listed = "".join(f"{digest(path)}  {path.name}\n" for path in files)
    except (ParamsError, OSError):
        return None
    return {"path": connection.recording, "sha256": hashlib.sha256(listed.encode()).hexdigest()}


def _machines(folder: Path) -> list[str]:
    """Return the installations that the run met (`runbook.facts.identity`), in order."""
    lines = read_journal(folder / "journal.jsonl")
    return list(dict.fromkeys(str(line["machine"]) for line in lines if line.get("machine")))
