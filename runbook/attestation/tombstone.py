"""What stands for a run that was pruned: its attestation, its journal, and a record of what went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runbook.attestation import dsse, keys
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.attestation.statement import NAME, PRUNED, digest
from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.engine.journal import now
from runbook.errors import CheckFailed, ParamsError
from runbook.text.printable import printable

KIND = "urn:xen-host-runbook:prune:v1"


@dataclass(frozen=True)
class Tombstone:
    """When a run was pruned, by which rule, which of its files went, and who signed for that."""

    at: datetime
    rule: str
    removed: tuple[str, ...]
    signer: PublicKey | None


def write(folder: Path, at: str, rule: str, removed: tuple[str, ...], key: SigningKey | None) -> None:
    """Write the record of a pruning, bound to the attestation of the run."""
    predicate = {"run": folder.name, "at": at, "rule": rule, "removed": list(removed)}
    write_atomic(folder / PRUNED, dsse.seal(KIND, {NAME: digest(folder / NAME)}, predicate, key))


def signer(is_signed: bool, where: Path, deed: str) -> SigningKey | None:
    """Return the key that signs for what goes; `deed` is what is done to the run, for the error.

    Raises `ParamsError` when a signed run is to lose files and there is no key to sign for that.
    """
    key = keys.operator()
    if key is None and is_signed:
        raise ParamsError(
            f"A signed run can only be {deed} by someone who signs for it",
            where=str(where),
            why="there is no signing key, and a record without a signature could be anybody's",
            do=f"name the key with {keys.ENV}",
        )
    return key


def take_out(folder: Path, names: tuple[str, ...], rule: str, key: SigningKey | None) -> None:
    """Remove files of a run, and folders that are empty then; a record of it is written first.

    So a cut leaves no riddle: what the record names and is still there goes the next time.
    """
    if not (folder / PRUNED).exists():
        write(folder, now(), rule, names, key)
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for inner in sorted(folder.rglob("*"), reverse=True):
        if inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()


def read(folder: Path) -> Tombstone | None:
    """Return the record of a pruning in a run's folder, None when it was not pruned.

    Raises `CheckFailed` for one that is not as it was written, or belongs to another run.
    """
    file = folder / PRUNED
    if not plain.is_there(file):
        return None
    try:
        statement = dsse.read(plain.read(file), KIND)
        if statement.subjects != {NAME: digest(folder / NAME)}:
            raise ValueError("it belongs to another attestation")
        removed = tuple(str(name) for name in statement.predicate["removed"])
        at = datetime.fromisoformat(str(statement.predicate["at"]))
        return Tombstone(at, str(statement.predicate["rule"]), removed, statement.signer)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(
            "The record of a pruning was altered",
            where=printable(file),
            why=printable(error),
            do="restore it from a backup",
        ) from None
