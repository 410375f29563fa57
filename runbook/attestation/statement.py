"""The attestation of one run, as it is read: what its folder held, and the run before it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.attestation import dsse
from runbook.attestation.keys import PublicKey
from runbook.controller import plain

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
    sizes: dict[str, int] = field(default_factory=dict)
    """How many bytes each file had; empty in attestations of before sizes were stated."""
    has_ledger: bool = False
    """Whether it was made when there was a ledger of all runs; False also in those of before."""
    started: str = ""
    """When the run began, ISO 8601."""
    after: str = ""
    """The SHA-256 of the ledger's last line when it was made; '' when the ledger could not be written then."""


def read(folder: Path) -> Attested:
    """Return what the attestation in a run's folder says.

    Raises `ValueError` with the reason when it is not as it was written, `OSError` when it cannot be read.
    """
    statement = dsse.read(plain.read(folder / NAME), RUN)
    try:
        run, before = statement.predicate["run"], statement.predicate["previous"]
        parts = [str(run[key]) for key in ("host", "id", "mode", "outcome")]
        started = datetime.fromisoformat(str(run["started"])).astimezone(UTC).isoformat()
        ended = datetime.fromisoformat(str(run["ended"])).astimezone(UTC)
        previous = (str(before["run"]), str(before["sha256"])) if before else None
        sizes = {str(name): int(size) for name, size in statement.predicate.get("sizes", {}).items()}
        after = str(statement.predicate.get("ledger") or "")
    except (KeyError, TypeError, AttributeError, OverflowError):
        raise ValueError("what it says of the run cannot be read") from None
    if not all(word.isprintable() for word in parts):
        raise ValueError("it holds what could play tricks with a terminal")
    has_ledger = "ledger" in statement.predicate
    return Attested(
        parts[0], parts[1], parts[2], parts[3], ended, previous, statement.subjects, statement.signer,
        sizes, has_ledger, started, after,
    )  # fmt: skip


def listing(folder: Path, within: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is in a run's folder, or in the folder `within` it, sorted: its path there, and what it is.

    No link is followed. Raises `OSError` when a folder cannot be read.
    """
    prefix = f"{within}/" if within else ""
    with os.scandir(folder / within) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            yield prefix + entry.name, entry.stat(follow_symlinks=False)


def contents(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything below a run's folder, sorted within each folder: its path there, and what it is."""
    inside = [""]
    while inside:
        for name, found in listing(folder, inside.pop()):
            if plain.kind(found.st_mode) == "a folder":
                inside.append(name)
            yield name, found


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a run's folder by its path there, of the attestation none.

    What is no plain file (a link, a pipe) is not followed: it stands with what it is.
    """
    return {
        name: what(folder / name, found)
        if plain.kind(found.st_mode)
        else digest(folder / name, found.st_size)
        for name, found in contents(folder)
        if name not in (NAME, PRUNED) and plain.kind(found.st_mode) != "a folder"
    }


def what(path: Path, found: os.stat_result) -> str:
    """Return what stands for a file that is none in place of its SHA-256: what it is, and where a link leads."""
    kind = plain.kind(found.st_mode)
    return f"{kind} to {path.readlink()}" if kind == "a link" else kind


digest = plain.digest


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of a host's runs, in the order in which they were started."""
    return sorted(path for path in folder.iterdir() if RUN_ID.fullmatch(path.name) and path.is_dir())
