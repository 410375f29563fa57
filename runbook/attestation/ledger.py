"""The ledger of all runs of all hosts: one line a run, each bound to the line before it; nothing is ever taken out.

A line is a DSSE envelope (`runbook.attestation.dsse`), signed when the runner had a key. The last line's number
and SHA-256 are the head: who has it from elsewhere sees whether anything before it was removed or altered since.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.attestation import dsse
from runbook.attestation.keys import PublicKey
from runbook.attestation.statement import NAME, RUN_ID, Attested, runs_in
from runbook.controller import plain
from runbook.errors import CheckFailed, ParamsError
from runbook.text.printable import printable

FILE = "ledger.jsonl"
KIND = "urn:xen-host-runbook:ledger:v1"
"""The kind of statement, in-toto's predicateType."""
BEGIN, RAN, FOLLOW, SUCCEED, REVOKE = "begin", "run", "follow", "succeed", "revoke"
_SAYS = {
    BEGIN: {"excerpt_of"},
    RAN: {"host", "run", "mode", "outcome", "ended"},
    FOLLOW: {"key", "at"},
    SUCCEED: {"key", "at"},
    REVOKE: {"key", "at", "reason"},
}
_HEAD = re.compile(r"([1-9][0-9]{0,11})-([0-9a-f]{32}|[0-9a-f]{64})")
_SUBJECT = re.compile(rf"[^/\0]+/{RUN_ID.pattern}/{re.escape(NAME)}")
_RESTORE = "restore it from a backup, older lines and all; see what else was altered"
Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One line. `sha256` is that of the line as it stands, with its end: `tail -n 1 … | sha256sum`.

    `what` is begin (the first line), run, or a word about keys: follow and succeed (the old key names the new
    one, and the new one the old), revoke. `subjects` are the attestations that it enters, with their SHA-256.
    """

    number: int
    previous: str
    what: str
    fields: Json
    subjects: dict[str, str]
    signer: PublicKey | None
    sha256: str

    @property
    def head(self) -> str:
        """The line that a person can keep elsewhere: number and the first half of the SHA-256."""
        return f"{self.number}-{self.sha256[:32]}"


def subject(host: str, run: str) -> str:
    """Return the name of a run's attestation, seen from the folder of all reports."""
    return f"{host}/{run}/{NAME}"


def told(attested: Attested) -> Json:
    """Return what the ledger says of a run: nothing but what its attestation says, so that it can be compared."""
    return {
        "host": attested.host,
        "run": attested.run,
        "mode": attested.mode,
        "outcome": attested.outcome,
        "ended": attested.ended.isoformat(),
    }


def load(reports: Path) -> list[Entry] | None:
    """Return the ledger of a folder of reports, None when it has none.

    Raises `CheckFailed` when it is not as it was written, whoever signed it, or cannot be read.
    """
    file = reports / FILE
    if not plain.is_there(file):
        return None
    try:
        return parse(plain.read(file, plain.LARGEST))
    except OSError as error:
        where, why = printable(file), error.strerror or str(error)
        raise CheckFailed(
            "The ledger cannot be read", where=where, why=why, do="look at its rights"
        ) from None
    except ValueError as error:
        raise CheckFailed(
            "The ledger was altered", where=printable(file), why=printable(error), do=_RESTORE
        ) from None


def has(reports: Path, run: Path) -> bool:
    """Return whether a run is in the ledger of its reports, False when that cannot be read."""
    try:
        entries = load(reports) or []
    except CheckFailed:
        return False
    return any(subject(run.parent.name, run.name) in entry.subjects for entry in entries)


def parse(data: bytes) -> list[Entry]:
    """Return the entries of a ledger, each bound to the one before it. Raises `ValueError` with the reason."""
    *lines, rest = data.split(b"\n")
    if rest:
        raise ValueError(
            "its last line is not whole: cut, or its writer was; the next run removes such a line"
        )
    entries: list[Entry] = []
    entered: set[str] = set()
    for at, line in enumerate(lines, 1):
        try:
            entry = entry_of(line + b"\n")
        except ValueError as error:
            raise ValueError(f"line {at}: {error}") from None
        if (entry.number, entry.previous) != (at, entries[-1].sha256 if entries else ""):
            raise ValueError(f"line {at} does not follow the line before it")
        if (entry.what == BEGIN) != (at == 1) or entered & entry.subjects.keys():
            raise ValueError(f"line {at} enters what was entered before")
        entered |= entry.subjects.keys()
        entries.append(entry)
    if not entries:
        raise ValueError("it is empty, and was begun with a line")
    return entries


def entry_of(line: bytes) -> Entry:
    """Return what a line says. Raises `ValueError` for one that is not as it was written."""
    statement = dsse.read(line, KIND, True)
    rest = {key: value for key, value in statement.predicate.items() if key != "signer"}
    number, previous, what = (rest.pop(key, None) for key in ("number", "previous", "what"))
    if not (isinstance(number, int) and isinstance(previous, str) and isinstance(what, str)):
        raise ValueError("it does not say which line it is")
    if set(rest) != _SAYS.get(what) or not all(isinstance(v, str) and v.isprintable() for v in rest.values()):
        raise ValueError("it says what no line says")
    if what == RAN and set(statement.subjects) != {subject(rest["host"], rest["run"])}:
        raise ValueError("it is about another attestation")
    if not all(_SUBJECT.fullmatch(name) and not name.startswith(".") for name in statement.subjects):
        raise ValueError("it enters what is no attestation")
    if what in (FOLLOW, SUCCEED, REVOKE) and not statement.signer:
        raise ValueError("a word about keys needs a signature")
    sha256 = hashlib.sha256(line).hexdigest()
    return Entry(number, previous, what, rest, statement.subjects, statement.signer, sha256)


def attested_runs(reports: Path) -> Iterator[Path]:
    """Yield the folders of all runs that have an attestation which is a plain file."""
    for host in sorted(reports.iterdir()):
        if host.is_dir():
            yield from (run for run in runs_in(host) if not run.is_symlink() and _is_plain(run / NAME))


def compare(entries: Sequence[Entry] | None, head: str, where: Path) -> int:
    """Return by how many lines the ledger goes on from a head that was kept elsewhere.

    Raises `ParamsError` for what is no head, `CheckFailed` when the ledger does not continue it.
    """
    match = _HEAD.fullmatch(head.strip().lower())
    if not match:
        raise ParamsError(
            "That is no head of a ledger",
            where=printable(head),
            do="give it as `runbook report head` printed it: a number, '-', and 32 letters and digits",
        )
    number, sha256 = int(match[1]), match[2]
    if entries and number <= len(entries) and entries[number - 1].sha256.startswith(sha256):
        return len(entries) - number
    if entries is None:
        why = "there is none any more"
    elif number > len(entries):
        why = f"it had {number} lines, and has {len(entries)}: the newest were removed"
    else:
        why = f"its line {number} is another now"
    raise CheckFailed(
        "The ledger does not continue the head that was kept",
        where=printable(where / FILE),
        why=why,
        do=_RESTORE,
    )


def _is_plain(path: Path) -> bool:
    try:
        with plain.opened(path):
            return True
    except (OSError, ValueError):
        return False
