"""The journals of a host's runs, as far as somebody vouches for them: the only ground on which anything is taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook.attestation import keys
from runbook.attestation.keys import PublicKey
from runbook.attestation.statement import RUN_ID
from runbook.attestation.verify import GOOD, Verdict, verify_host, verify_run
from runbook.engine.journal import Line, parse
from runbook.errors import CheckFailed, ParamsError, Refused
from runbook.model.plan import Finding

NAME = "journal.jsonl"
_DEEDS = ("action-begin", "taken-back", "not-back")


@dataclass(frozen=True)
class Journals:
    """What the runs of a host wrote down, by their names, and a refusal for each that nobody vouches for."""

    lines: dict[str, list[Line]]
    findings: tuple[Finding, ...] = ()


def journals(host: Path, taken: Collection[str] = ()) -> Journals:
    """Return the journals in a host's folder of reports; every run there is verified first.

    Where the operator has a key, a run that no known key signed is refused, unless it is one of those `taken` at
    their word: one whose runner was killed is never signed. Without a key the digests alone have to hold.

    Raises `Refused` for a run that was altered, removed or added to, `ParamsError` for one of `taken` that is not there.
    """
    folders = sorted(path.parent for path in host.glob(f"*/{NAME}"))
    if missing := sorted(set(taken) - {folder.name for folder in folders}):
        raise ParamsError(f"There is no run {missing[0]}", where=str(host), do="see: runbook report list")
    known = keys.own()
    try:
        verdicts = dict(_verdicts(host, folders, known))
        lines = {folder.name: parse(_bytes(folder, verdicts[folder.name])) for folder in folders}
    except CheckFailed as error:
        raise Refused(
            f"The reports of {host.name} are not as they were written: nothing is taken back",
            where=error.where,
            why=f"{error.what[:1].lower()}{error.what[1:]}: {error.why}",
            do=f"restore it from a backup (`runbook report verify {host}` checks that), then run undo again",
        ) from None
    return Journals(lines, tuple(_refusals(lines, verdicts, known, taken)))


def _verdicts(host: Path, folders: list[Path], known: list[PublicKey]) -> Iterator[tuple[str, Verdict]]:
    if host.is_dir():
        for verdict in verify_host(host, known):
            yield verdict.folder.name, verdict
    for folder in folders:
        if not RUN_ID.fullmatch(folder.name):
            yield folder.name, verify_run(folder, known)


def _bytes(folder: Path, verdict: Verdict) -> bytes:
    """Return a journal, the very bytes that were attested: the file may be another since it was verified."""
    data = (folder / NAME).read_bytes()
    if verdict.attested and hashlib.sha256(data).hexdigest() != verdict.attested.subjects.get(NAME):
        raise CheckFailed("A file was altered", where=str(folder / NAME), why="it is not what was attested")
    return data


def _refusals(
    lines: dict[str, list[Line]], verdicts: dict[str, Verdict], known: list[PublicKey], taken: Collection[str]
) -> Iterator[Finding]:
    for run, entries in lines.items():
        verdict = verdicts[run]
        did = any(line["event"] in _DEEDS for line in entries)
        if known and did and verdict.status not in GOOD and run not in taken:
            do = f"look into {verdict.folder / NAME}; to act on it all the same, add --unsigned {run}"
            if verdict.status == "never closed":
                do = f"end it (book.summary(), or shut its kernel down), then run undo again; else {do}"
            yield Finding("refuse", f"Nobody vouches for what the run {run} did", verdict.about, do, "undo")
