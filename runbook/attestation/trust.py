"""Which key vouches for what: the keys that are known, those that follow them, and until when each holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from runbook.attestation.keys import PublicKey
from runbook.attestation.ledger import FOLLOW, REVOKE, SUCCEED, Entry

KNOWN, UNKNOWN, RETIRED, REVOKED = "known", "unknown key", "retired key", "revoked key"


class Trust:
    """The keys that are known, and what the ledger's own lines say of keys.

    A word about keys counts only if the key that signed it vouches for that place of the ledger: a key that is
    not known, was followed or was revoked before cannot speak for another.
    """

    def __init__(self, known: Collection[PublicKey], entries: Sequence[Entry] | None = None) -> None:
        self._key_entries = [entry for entry in entries or () if entry.what in (FOLLOW, SUCCEED, REVOKE)]
        self._given = frozenset(key.line for key in known)
        self._since: dict[str, int] = {}
        self._until: dict[str, tuple[int, str, str]] = {}
        before: frozenset[str] = frozenset()
        # A known key may name the one that it followed, which may name the one before: until nothing is added.
        while (found := self._pass(before)) != before:
            before = found

    def standing(self, key: PublicKey, place: int) -> tuple[str, str]:
        """Return how a key stands at a line of the ledger, and why: known, unknown, retired or revoked."""
        if place <= self._since.get(key.line, place):
            return UNKNOWN, "a key that is NOT KNOWN here"
        until, word, why = self._until.get(key.line, (place, "", ""))
        return (word, why) if place > until else (KNOWN, "")

    def _pass(self, before: frozenset[str]) -> frozenset[str]:
        """Read the words in their order; return the keys that were known before, with those named as followed."""
        self._since, self._until = dict.fromkeys(self._given | before, 0), {}
        followed = set(before)
        for entry in self._key_entries:
            by, of = entry.signer, entry.fields["key"]
            if by is None or self.standing(by, entry.number)[0] != KNOWN:
                continue
            if entry.what == FOLLOW:
                self._since.setdefault(of, entry.number)
                self._end(by.line, entry, RETIRED, f"which {_print(of)} followed on {_day(entry)}")
            elif entry.what == SUCCEED:
                if of not in self._given:
                    followed.add(of)
                self._end(of, entry, RETIRED, f"which {by.fingerprint} followed on {_day(entry)}")
            else:
                why = f"which was REVOKED on {_day(entry)}: {entry.fields['reason']}"
                self._end(of, entry, REVOKED, why)
        return frozenset(followed)

    def _end(self, line: str, entry: Entry, word: str, why: str) -> None:
        until = self._until.get(line)
        if until is None or entry.number < until[0] or word == REVOKED != until[1]:
            # A key that was followed and then revoked is told as revoked, from where it was followed on.
            at = min(entry.number, until[0]) if until else entry.number
            self._until[line] = (at, word, why)


def _day(entry: Entry) -> str:
    try:
        return f"{datetime.fromisoformat(entry.fields['at']):%-d %b %Y}"
    except ValueError:
        return str(entry.fields["at"])


def _print(line: str) -> str:
    try:
        return PublicKey(line).fingerprint
    except (ValueError, IndexError):
        return "another"
