"""Reports to hand on: a host's runs without what they read of it, still attested, and still a chain."""

from __future__ import annotations

import shutil
from pathlib import Path

from runbook.attestation import keys, tombstone
from runbook.attestation.statement import PRUNED
from runbook.attestation.verify import Verdict, verify_host
from runbook.drift.kept import FOLDER
from runbook.errors import ParamsError
from runbook.journal import now

RULE = "export"
PUBLIC_KEY = "signing-key.pub"


def export(host: Path, out: Path) -> list[Path]:
    """Copy the attested runs of a host, each without its `facts/`, into a new folder `out`; return the copies.

    Of each run a record says what was left out, signed by the operator's key, whose public part is put
    beside the host's folder. Raises `CheckFailed` when a report is not as it was written, and `ParamsError`
    when there is no run to hand on, no key to sign for the omission, or `out` is there already: nothing is
    written then.
    """
    runs = [verdict for verdict in verify_host(host, keys.own()) if verdict.attested]
    if not runs:
        raise ParamsError(f"There is no attested report of {host.name}", where=str(host))
    key = keys.operator()
    if key is None and any(verdict.attested and verdict.attested.signer for verdict in runs):
        raise ParamsError(
            "A signed run can only be handed on in part by someone who signs for it",
            where=str(host),
            why="there is no signing key, and a record without a signature could be anybody's",
            do=f"name the key with {keys.ENV}",
        )
    if out.exists():
        raise ParamsError("The folder is there already", where=str(out), do="name one that is not")
    place = out / host.name
    copies = [_copy(verdict, place, key) for verdict in runs]
    shutil.copy2(host / "index.html", place / "index.html")
    if key:
        (out / PUBLIC_KEY).write_text(f"{key.public.line}\n", encoding="utf-8")
    return copies


def _copy(verdict: Verdict, place: Path, key: keys.SigningKey | None) -> Path:
    folder, said = verdict.folder, verdict.attested
    copy = place / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(FOLDER))
    left_out = tuple(name for name in sorted(said.subjects if said else ()) if name.startswith(f"{FOLDER}/"))
    # What was pruned before has its own record, and no facts any more.
    if left_out and not (copy / PRUNED).exists():
        tombstone.write(copy, now(), RULE, left_out, key)
    return copy
