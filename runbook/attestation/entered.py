"""Whether the runs on the disk are those of the ledger: none missing, none added, each with its own attestation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.attestation import ledger
from runbook.attestation.files import bad
from runbook.attestation.keys import PublicKey
from runbook.attestation.ledger import BEGIN, FILE, Entry
from runbook.attestation.statement import NAME, Attested
from runbook.attestation.trust import KNOWN, RETIRED, Trust
from runbook.controller import plain
from runbook.text.plural import plural

if TYPE_CHECKING:
    from runbook.attestation.verdict import Verdict

_WAITS = (
    "NOT YET in the ledger: its runner is just closing it, or was killed; any run or list of runs enters it"
)


class Entered:
    """The ledger of a folder of reports, held against what is there; `entries` is None when there is none."""

    def __init__(self, reports: Path, known: Collection[PublicKey], *, is_alone: bool = False) -> None:
        """With `is_alone` a missing ledger says nothing: one run was copied without it. Raises `CheckFailed`."""
        self._reports, self._is_alone = reports, is_alone
        self.entries = ledger.load(reports)
        self.trust = Trust(known, self.entries)
        self._of = {name: entry for entry in self.entries or () for name in entry.subjects}

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of which the ledger has runs."""
        return frozenset(name.partition("/")[0] for name in self._of)

    def place_of(self, statement: Attested) -> int:
        """Return the line that enters a run; one that is not entered comes after all lines."""
        entry = self._of.get(ledger.subject(statement.host, statement.run))
        return entry.number if entry else len(self.entries or ()) + 1

    def standing_now(self, key: PublicKey) -> tuple[str, str]:
        """Return how a key stands whose word has no line: one that was followed may have given it before.

        When a key that was revoked gave it nobody can tell.
        """
        word, why = self.trust.standing(key, len(self.entries or ()) + 1)
        return (KNOWN, "") if word == RETIRED else (word, why)

    def prove_same(self, run: Path, sha256: str) -> None:
        """Raise `CheckFailed` when the ledger has another attestation of a run than the one that is there."""
        name = ledger.subject(run.parent.name, run.name)
        entry = self._of.get(name)
        if entry and entry.subjects[name] != sha256:
            why = f"line {entry.number} of the ledger has another"
            raise bad("An attestation was altered", run / NAME, why)

    def judge(self, verdict: Verdict) -> Verdict:
        """Return the verdict on a run with what the ledger says of it. Raises `CheckFailed` when it says another thing."""
        folder, statement = verdict.folder, verdict.attested
        entry = self._of.get(ledger.subject(folder.parent.name, folder.name))
        if statement is None:
            if entry:
                raise bad(
                    "An attestation was removed", folder / NAME, f"line {entry.number} of the ledger has it"
                )
            return verdict
        if self.entries is None:
            if statement.has_ledger and not self._is_alone:
                why = f"{statement.host}/{statement.run} was made when there was one"
                raise bad("The ledger was removed", self._reports / FILE, why)
            return verdict
        if entry:
            self._prove_entry(entry, statement)
            return verdict
        return self._waiting(verdict, statement, self.entries[-1].sha256)

    def prove_complete(self, host: str = "") -> None:
        """Raise `CheckFailed` for the first run of a host, or of all, that the ledger has and that is not there."""
        for name, entry in self._of.items():
            place = self._reports / name
            if name.partition("/")[0] not in (host or name.partition("/")[0],) or plain.is_there(place):
                continue
            why = f"line {entry.number} of the ledger has it"
            if not place.parent.parent.is_dir():
                raise bad("A host was removed", place.parent.parent, f"{why}: {place.parent.name}")
            if not place.parent.is_dir():
                raise bad("A run was removed", place.parent, why)
            raise bad("An attestation was removed", place, why)

    def summary(self) -> tuple[bool, str]:
        """Return whether known keys signed the ledger, and what can be said of it in one line."""
        if self.entries is None:
            return True, "There is no ledger: these runs are from before it. It begins with the next run."
        count, first = len(self.entries), self.entries[0]
        unsigned = [e.number for e in self.entries if e.signer is None]
        standings = [self.trust.standing(e.signer, e.number) for e in self.entries if e.signer]
        strange = next((why for word, why in standings if word != KNOWN), "")
        signed = f"{len(unsigned)} of them not signed" if unsigned else "all signed"
        signed += f", some by {strange}" if strange else ""
        what = (
            f"This copy's ledger, from {first.fields['excerpt_of']},"
            if first.fields["excerpt_of"]
            else "The ledger"
        )
        return not strange, f"{what} has {plural(count, 'line')}, {signed}. Its head: {self.entries[-1].head}"

    def _prove_entry(self, entry: Entry, statement: Attested) -> None:
        where = self._reports / FILE
        if entry.what == BEGIN:
            if statement.has_ledger and not entry.fields["excerpt_of"]:
                why = f"{statement.host}/{statement.run} was made when there was another one"
                raise bad("The ledger was removed", where, why)
        elif entry.fields != ledger.told(statement):
            raise bad("The ledger was altered", where, f"line {entry.number} says another thing than the run")
        elif not statement.has_ledger or statement.after not in ("", entry.previous):
            raise bad("The ledger was altered", where, f"line {entry.number} stands in another place")

    def _waiting(self, verdict: Verdict, statement: Attested, last: str) -> Verdict:
        run = f"{statement.host}/{statement.run}"
        if not statement.has_ledger:
            why = "it is from before the ledger, which began without it"
            raise bad("A run was added", verdict.folder, why, "take it out: it is no run of this folder")
        if statement.after not in ("", last):
            raise bad(
                "The ledger was altered",
                self._reports / FILE,
                f"lines were removed: that of {run} is missing",
            )
        if verdict.status in ("good", "pruned"):
            return replace(verdict, status="not entered", about=f"{verdict.about}, {_WAITS}")
        return verdict
