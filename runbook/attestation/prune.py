"""Retention: old runs lose their bulk; the chain, and the way back, lose nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from runbook.attestation import keys, tombstone
from runbook.attestation.statement import PRUNED
from runbook.attestation.verify import Verdict, verify_host
from runbook.controller.locks import locked
from runbook.controller.plain import is_there
from runbook.engine.journal import now
from runbook.errors import ParamsError

EXPORTED = "export"
"""The rule in the record of a run that `runbook report export` copied."""
KEPT = "journal.jsonl"
"""`runbook undo` returns by the journals of all runs of a host, so none is ever pruned."""


@dataclass(frozen=True)
class Removal:
    """The files of one run that would go, their size in bytes, and whether its attestation is signed."""

    folder: Path
    names: tuple[str, ...]
    size: int
    is_signed: bool


def plan(host: Path, keep: int, older_than_days: int) -> list[Removal]:
    """Return what would go of the runs beyond the newest `keep` of each sort that ended more than so many days ago.

    Plans and runs of a part of the notebooks are counted on their own: an hour of trying takes no place of the
    run that built the host. The newest run always stays, the newest that completed, the newest complete one
    of mode apply and of mode check (`_complete`), and what has no attestation. Raises `CheckFailed` when a
    report is not as it was written: then nothing goes.
    """
    limit = datetime.fromisoformat(now()) - timedelta(days=older_than_days)
    runs = [verdict for verdict in verify_host(host, keys.own()) if verdict.attested]
    for verdict in runs:
        record = tombstone.read(verdict.folder)
        if record and record.rule == EXPORTED:
            raise ParamsError(
                "A copy that was made to be handed on is not pruned",
                where=str(verdict.folder),
                why="its record says what was left out of the copy, and there is only one record a run",
                do="prune the original, or delete the copy",
            )
    whole = [v for v in runs if not (v.folder / PRUNED).exists()]
    completed = [v for v in whole if v.attested and v.attested.outcome == "completed"]
    stay = {v.folder for v in [*whole[-1:], *completed[-1:]]}
    for mode in ("apply", "check"):
        done = [v for v in completed if v.attested and v.attested.mode == mode]
        stay |= {v.folder for v in [*done[-1:], *_complete(done)[-1:]]}
    full = _complete([v for v in whole if v.attested and v.attested.mode in ("apply", "check")])
    others = [v for v in whole if v not in full]
    stay |= {v.folder for sort in (full, others) for v in sort[-max(keep, 1) :]}
    gone = [_removal(v) for v in runs if v.folder not in stay and v.attested and v.attested.ended < limit]
    return [removal for removal in gone if removal.names]


def _complete(runs: list[Verdict]) -> list[Verdict]:
    """Return those of these runs that had the full set of notebooks: as many as any of them had."""
    counts = {v.folder: sum(n.endswith(".ipynb") and "/" not in n for n in _files(v)) for v in runs}
    return [v for v in runs if counts[v.folder] == max(counts.values())]


def _files(verdict: Verdict) -> Collection[str]:
    return verdict.attested.subjects if verdict.attested else ()


def carry_out(host: Path, removals: list[Removal], rule: str) -> None:
    """Remove what the plan says (`tombstone.take_out`).

    Raises `ParamsError` when a signed run is to be pruned and there is no key to sign for that.
    """
    key = tombstone.signer(any(removal.is_signed for removal in removals), host, "pruned")
    with locked(host):
        for removal in removals:
            tombstone.take_out(removal.folder, removal.names, rule, key)


def _removal(verdict: Verdict) -> Removal:
    folder, statement = verdict.folder, verdict.attested
    listed = statement.subjects if statement else {}
    names = tuple(name for name in sorted(listed) if name != KEPT and is_there(folder / name))
    size = sum((folder / name).lstat().st_size for name in names)
    return Removal(folder, names, size, bool(statement and statement.signer))
