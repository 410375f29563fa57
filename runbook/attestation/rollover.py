"""A key that is followed by another, or revoked: said in the ledger, where everybody sees from which line on it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runbook.attestation import entering, keys, ledger
from runbook.attestation.entering import Book
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.attestation.trust import KNOWN, Trust
from runbook.errors import CheckFailed, ParamsError
from runbook.text.printable import printable


@dataclass(frozen=True)
class Followed:
    """The two keys, the file of the new one, and where the old one was put; None where it stayed."""

    old: PublicKey
    new: PublicKey
    path: Path
    kept: Path | None


def follow(reports: Path, by: Path | None = None) -> Followed:
    """Let the operator's key be followed by the one in the file `by`, or by a new one in its own place.

    Both sign for that in the ledger. Done again after it was cut off it goes on where it stopped.
    Raises `ParamsError` when there is no key yet, it cannot sign any more, or the ledger cannot be written.
    """
    place = keys.place()
    if place is None:
        raise ParamsError("There is no key that could be followed", do="make one: runbook report key")
    old = keys.load(place)
    is_own = by is None
    if by is None and place != keys.default_path():
        raise ParamsError(
            "A new key cannot take the place of your own file",
            where=str(place),
            do=f"name the file of the key that follows with --by, and afterwards with {keys.ENV}",
        )
    path = by or place.with_name(f"{place.name}.new")
    new = keys.load(path if by or path.exists() else keys.make(path))
    if new.public == old.public:
        raise ParamsError("A key does not follow itself", where=str(path), do="name another file with --by")
    with _held(reports, old) as book:
        if not _says(book, ledger.FOLLOW, new.public, old.public):
            _require_holds(book, old)
            book.follow(old, new)
        elif not _says(book, ledger.SUCCEED, old.public, new.public):
            book.succeed(old.public, new)
    kept = _take_place(path, place) if is_own else None
    return Followed(old.public, new.public, place if is_own else path, kept)


def revoke(reports: Path, text: str, reason: str) -> PublicKey:
    """Let a key, given as `keys.given` takes it, vouch for nothing from now on; the operator's key signs for that.

    Raises `ParamsError` when there is no key to sign with, it does not hold any more, or the ledger cannot be written.
    """
    public, by = keys.given(text)[0], keys.operator()
    if by is None:
        raise ParamsError("A key is revoked by someone who signs for it", do="make a key: runbook report key")
    if not reason.isprintable():
        raise ParamsError("The reason is more than one line of text", where=printable(reason))
    with _held(reports, by) as book:
        _require_holds(book, by)
        book.revoke(public, reason, by)
    return public


def require_holds(reports: Path, key: SigningKey | None) -> None:
    """Raise `ParamsError` when a key was followed or revoked: what it signs now nobody takes for good."""
    try:
        entries = ledger.load(reports)
    except CheckFailed:
        return  # that is no reason not to run: `verify` tells
    if key is not None and entries:
        word, why = Trust([key.public], entries).standing(key.public, len(entries) + 1)
        if word != KNOWN:
            raise ParamsError(
                "Reports cannot be signed with this key",
                where=str(keys.place()),
                why=f"it is {key.public.fingerprint}, {why}",
                do=f"name the key that follows with {keys.ENV}",
            )


def _require_holds(book: Book, key: SigningKey) -> None:
    word, why = Trust([key.public], book.entries).standing(key.public, len(book.entries) + 1)
    if word != KNOWN:
        raise ParamsError(
            "This key cannot speak for others any more", where=key.public.fingerprint, why=f"it is one {why}",
            do=f"name the key that follows with {keys.ENV}",
        )  # fmt: skip


@contextmanager
def _held(reports: Path, key: SigningKey) -> Iterator[Book]:
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with entering.held(reports, key) as book:
            book.catch_up()
            yield book
    except (OSError, ValueError) as error:
        raise ParamsError(
            "The ledger cannot be written",
            where=str(reports / ledger.FILE),
            why=printable(error),
            do="see what `runbook report verify` says of it",
        ) from None


def _says(book: Book, what: str, of: PublicKey, by: PublicKey) -> bool:
    return any((e.what, e.fields.get("key"), e.signer) == (what, of.line, by) for e in book.entries)


def _take_place(new: Path, place: Path) -> Path:
    """Put a new key in the place of the one that it follows; return where that is now."""
    kept = place.with_name(f"{place.name}.until-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for end in (".pub", ""):
        old = place.with_name(place.name + end)
        if old.exists():
            old.replace(kept.with_name(kept.name + end))
        new.with_name(new.name + end).replace(old)
    return kept
