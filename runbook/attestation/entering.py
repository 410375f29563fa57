"""How lines come into the ledger: appended under its lock, on the disk before anything else happens."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from runbook.attestation import dsse, ledger
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.attestation.ledger import BEGIN, FILE, FOLLOW, KIND, RAN, REVOKE, SUCCEED, Entry
from runbook.attestation.statement import NAME, digest, read
from runbook.controller import plain
from runbook.engine.journal import now
from runbook.text.printable import printable

log = logging.getLogger("runbook.evidence")
WAIT_S = 30.0
"""So long a line waits for others who enter theirs; afterwards the next command enters it."""
_REMOVED = "reports were made when there was a ledger, and it is gone: restore it from a backup"


class Book:
    """The ledger of a folder of reports, held by us: nobody else appends meanwhile."""

    def __init__(self, reports: Path, handle: int, key: SigningKey | None) -> None:
        """`key` signs the first line, if there is none yet. Raises `ValueError` for a ledger that is altered."""
        self.reports, self._handle = reports, handle
        data = _all(handle)
        data = data[: data.rfind(b"\n") + 1]  # a line that was torn when its writer died was never entered
        self.entries: list[Entry] = ledger.parse(data) if data else []
        if len(data) != os.fstat(handle).st_size:
            os.ftruncate(handle, len(data))
        if not self.entries:
            self._begin(key)

    @property
    def last(self) -> str:
        """The SHA-256 of the last line."""
        return self.entries[-1].sha256

    def enter(self, run: Path, key: SigningKey | None) -> None:
        """Enter a run that is attested. Raises `ValueError` or `OSError` when that cannot be read or written."""
        attested = read(run)
        subjects = {ledger.subject(attested.host, attested.run): digest(run / NAME)}
        self._append(RAN, ledger.told(attested), subjects, key)

    def catch_up(self) -> None:
        """Enter the runs whose runner died, or could not write the ledger, after it had attested them.

        Without a signature: who finishes for another saw nothing of the run. Only what the ledger can go on
        with is entered; anything else that is missing was in it before, and is for `verify` to tell.
        """
        entered = {name for entry in self.entries for name in entry.subjects}
        waiting = []
        for run in ledger.attested_runs(self.reports):
            if ledger.subject(run.parent.name, run.name) in entered:
                continue
            try:
                attested = read(run)
            except (OSError, ValueError):
                continue
            if attested.has_ledger and (attested.host, attested.run) == (run.parent.name, run.name):
                waiting.append((attested.ended, attested.after, run))
        for _, after, run in sorted(waiting):
            if after in ("", self.last):
                self.enter(run, None)

    def follow(self, old: SigningKey, new: SigningKey) -> None:
        """Let a key be followed by another: each of the two names the other, so that either leads to both."""
        self._append(FOLLOW, {"key": new.public.line, "at": now()}, {}, old)
        self.succeed(old.public, new)

    def succeed(self, old: PublicKey, new: SigningKey) -> None:
        """Let a key name the one that it follows."""
        self._append(SUCCEED, {"key": old.line, "at": now()}, {}, new)

    def revoke(self, key: PublicKey, reason: str, by: SigningKey) -> None:
        """Let a key vouch for nothing that comes after this line."""
        self._append(REVOKE, {"key": key.line, "at": now(), "reason": reason}, {}, by)

    def _begin(self, key: SigningKey | None) -> None:
        """Write the first line: the runs that are there already, which are from before the ledger."""
        runs = list(ledger.attested_runs(self.reports))
        if any(_knows_a_ledger(run) for run in runs):
            raise ValueError(_REMOVED)
        subjects = {ledger.subject(run.parent.name, run.name): digest(run / NAME) for run in runs}
        self._append(BEGIN, {"excerpt_of": ""}, subjects, key)

    def _append(
        self, what: str, fields: dict[str, Any], subjects: dict[str, str], key: SigningKey | None
    ) -> None:
        previous = self.entries[-1].sha256 if self.entries else ""
        entry = line_of(len(self.entries) + 1, previous, what, fields, subjects, key)
        known, data = ledger.entry_of(entry), entry
        end = os.fstat(self._handle).st_size
        try:
            while data:
                data = data[os.write(self._handle, data) :]
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, end)  # half a line helps nobody
            raise
        self.entries.append(known)


def line_of(
    number: int, previous: str, what: str, fields: dict[str, Any], subjects: dict[str, str], key: SigningKey | None
) -> bytes:  # fmt: skip
    """Return one line of a ledger, with its end."""
    predicate = {"number": number, "previous": previous, "what": what, **fields}
    return dsse.seal(KIND, subjects, predicate, key, True).encode()


@contextmanager
def held(reports: Path, key: SigningKey | None = None) -> Iterator[Book]:
    """Hold the ledger, begun if there is none. Raises `ValueError` when it is altered, `OSError` when it cannot be had."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    path = reports / FILE
    if plain.is_there(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise plain.NotPlain(f"{path} is {plain.kind(path.lstat().st_mode)}, not a file")
    handle = os.open(path, flags, 0o600)
    try:
        _lock(handle)
        yield Book(reports, handle, key)
    finally:
        if os.fstat(handle).st_size == 0:  # it could not be begun: an empty one would look like a cut one
            path.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def opened(reports: Path, key: SigningKey | None = None) -> Iterator[Book | None]:
    """Hold the ledger with everything entered that waits; None, and a warning, when it cannot be written now."""
    with ExitStack() as stack:
        try:
            book = stack.enter_context(held(reports, key))
            book.catch_up()
        except (OSError, ValueError) as error:
            log.warning("the run is not entered in the ledger now: %s", printable(error))
            yield None
            return
        yield book


def catch_up(reports: Path) -> None:
    """Enter what a killed runner left out; a folder without a ledger gets none, and one that is altered stays so."""
    if plain.is_there(reports / FILE):
        try:
            with held(reports) as book:
                book.catch_up()
        except (OSError, ValueError) as error:
            log.debug("the ledger stays as it is: %s", error)


def _lock(handle: int) -> None:
    """Wait for our turn, but not for ever. On a file system without locks nobody can tell: then it is ours."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(f"somebody else has held it for {WAIT_S:.0f} s") from None
            time.sleep(0.02)
            continue
        except OSError:
            pass
        return


def _all(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    if size > plain.LARGEST:
        raise ValueError(f"it is larger than {plain.LARGEST} bytes")
    parts, at = [], 0
    while at < size and (part := os.pread(handle, size - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _knows_a_ledger(run: Path) -> bool:
    try:
        return read(run).has_ledger
    except (OSError, ValueError):
        return False
