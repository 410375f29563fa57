"""Reports to hand on: a host's runs without what stays at home, still attested, and still a chain."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from runbook.attestation import keys, ledger, tombstone
from runbook.attestation.entering import line_of
from runbook.attestation.places import host_of, is_plan
from runbook.attestation.prune import EXPORTED
from runbook.attestation.statement import NAME, digest
from runbook.attestation.verify import GOOD, Verdict, verify_host, verify_plans
from runbook.controller.atomic import write_atomic
from runbook.errors import ParamsError

FACTS = "facts/*"
NEEDED = ("run.json", "journal.jsonl")
"""Without these nobody could read what a run was."""
PUBLIC_KEY = "signing-key.pub"


def export(host: Path, out: Path, leave_out: Sequence[str] = (FACTS,)) -> list[Path]:
    """Copy the attested runs and plans of a host into a new folder `out`; return the copies.

    `leave_out` are patterns (fnmatch) of files in a run's folder. Of each run a record says what was left
    out, signed by the operator's key, whose public part is put beside the host's folder. Raises
    `CheckFailed` when a report is not as it was written, and `ParamsError` when there is no run to hand on,
    no key to sign for the omission, a pattern that fits nothing or what every report needs, or `out` is
    there already: nothing is written then.
    """
    verdicts = [*verify_host(host, keys.own()), *verify_plans(host, keys.own())]
    runs = [verdict for verdict in verdicts if verdict.attested and verdict.status != "never closed"]
    if not runs:
        raise ParamsError(f"There is no attested report of {host.name}", where=str(host))
    is_signed = any(verdict.attested and verdict.attested.signer for verdict in runs)
    key = tombstone.signer(is_signed, host, "handed on in part")
    _require_sense(leave_out, runs)
    if out.exists():
        raise ParamsError("The folder is there already", where=str(out), do="name one that is not")
    place = out / host.name
    copies = [_copy(host, verdict, place, key, leave_out) for verdict in runs]
    _excerpt(host, copies, key)
    shutil.copy2(host / "index.html", place / "index.html")
    if key:
        signers = [v.attested.signer for v in runs if v.status in GOOD and v.attested and v.attested.signer]
        lines = dict.fromkeys(public.line for public in (key.public, *signers))
        (out / PUBLIC_KEY).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return copies


def _excerpt(host: Path, copies: Sequence[Path], key: keys.SigningKey | None) -> None:
    """Write the ledger of a copy: one line, which enters the runs of this host and names the ledger that it is from.

    The ledger itself stays at home, because it names all hosts.
    """
    if entries := ledger.load(host.parent):
        runs = [copy for copy in copies if not is_plan(copy)]
        subjects = {ledger.subject(host.name, copy.name): digest(copy / NAME) for copy in runs}
        line = line_of(1, "", ledger.BEGIN, {"excerpt_of": entries[-1].head}, subjects, key)
        write_atomic(host_of(copies[0]).parent / ledger.FILE, line.decode())


def _require_sense(leave_out: Sequence[str], runs: Sequence[Verdict]) -> None:
    names = {name for verdict in runs if verdict.attested for name in verdict.attested.subjects}
    for pattern in leave_out:
        fits = {name for name in names if fnmatch(name, pattern)}
        if pattern != FACTS and (not fits or fits & set(NEEDED)):
            raise ParamsError(
                f"'{pattern}' cannot be left out",
                why="no file of these runs is called so" if not fits else f"{', '.join(NEEDED)} are needed",
                do="name files as they are called in a run's folder, such as 'facts/last.json'",
            )
    for verdict in runs:
        record = tombstone.read(verdict.folder)
        more = [name for name in _left_out(verdict, leave_out) if record and name not in record.removed]
        if more:
            raise ParamsError(
                f"'{more[0]}' cannot be left out",
                where=str(verdict.folder),
                why="the run was pruned before, and its one record does not name that file",
                do="leave out less, or export from the reports themselves",
            )


def _left_out(verdict: Verdict, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the files that are there and that a pattern fits."""
    listed = sorted(verdict.attested.subjects) if verdict.attested else []
    existing = [name for name in listed if (verdict.folder / name).exists()]
    return tuple(name for name in existing if any(fnmatch(name, pattern) for pattern in patterns))


def _copy(
    host: Path, verdict: Verdict, place: Path, key: keys.SigningKey | None, leave_out: Sequence[str]
) -> Path:
    copy = place / verdict.folder.relative_to(host)
    shutil.copytree(verdict.folder, copy)
    if gone := _left_out(verdict, leave_out):
        tombstone.take_out(copy, gone, EXPORTED, key)
    return copy
