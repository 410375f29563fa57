"""What stands for a run that was pruned: its attestation, its journal, and a record of what went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runbook.attestation import dsse
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.attestation.statement import NAME, PRUNED, digest
from runbook.errors import CheckFailed

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
    from runbook.evidence.files import write_atomic

    said = {"run": folder.name, "at": at, "rule": rule, "removed": list(removed)}
    write_atomic(folder / PRUNED, dsse.seal(KIND, {NAME: digest(folder / NAME)}, said, key))


def read(folder: Path) -> Tombstone | None:
    """Return the record of a pruning in a run's folder, None when it was not pruned.

    Raises `CheckFailed` for one that is not as it was written, or belongs to another run.
    """
    file = folder / PRUNED
    if not file.exists():
        return None
    try:
        said = dsse.read(file.read_bytes(), KIND)
        if said.subjects != {NAME: digest(folder / NAME)}:
            raise ValueError("it belongs to another attestation")
        removed = tuple(str(name) for name in said.predicate["removed"])
        at = datetime.fromisoformat(str(said.predicate["at"]))
        return Tombstone(at, str(said.predicate["rule"]), removed, said.signer)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(
            "The record of a pruning was altered",
            where=str(file),
            why=str(error),
            do="restore it from a backup",
        ) from None
