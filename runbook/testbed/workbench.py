"""What the proof of the backups works with: the machine's shell, notebook 09's steps, and what they must refuse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import CheckFailed, ConsentMissing, RunbookError
from runbook.hosts import connect
from runbook.params import HostParams
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say

NOTEBOOK = "09_management"
GUEST = "comm"
FOLDER = "/srv/backups-of-the-proof"
START, SECTORS = 2048, 819200
"""Where the first partition of the guest's disk begins, and how large it is, in sectors of 512 bytes."""


class Workbench:
    """One guest's volume on a machine that runs, and the steps that keep it and bring it back."""

    def __init__(self, machine: Machine, params: HostParams) -> None:
        self._machine, self._params = machine, params
        self._journal = machine.state / "journal-of-the-proof.jsonl"
        self.group = params.storage.guest_volume_group
        self.volume = f"/dev/{self.group}/{GUEST}"

    def shell(self, script: str, *words: str) -> str:
        """Run a script on the machine and return what it printed; `CheckFailed` when it fails."""
        quoted = " ".join(words)
        done = subprocess.run(
            [*self._machine.ssh, f"sh -s -- {quoted}"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        must(done.returncode == 0, f"on the machine: {done.stderr.strip()[-500:]}")
        return done.stdout

    def back_up(self, content: str, source: str = "off") -> str:
        """Make and verify a backup, twice: the second time there is nothing to do. Return its name."""
        before = set(self.names())
        management = {"backups": backups(content, source)}
        if source == "snapshot":  # a young one of the same content is there: ask for it as a person would
            self.shell(
                f"/usr/local/lib/xen-runbook/backup make {GUEST} {self.volume} {FOLDER} {content} {source}"
            )
        for again in (False, True):
            began = time.monotonic()
            with self.book(management) as book:
                for step in ("back_up_volumes", "verify_backups"):
                    planned = book.plan(step)
                    must(not again or "nothing to do" in planned.text, f"{step} is not done: {planned.text}")
                    book.apply(step)
            say(
                f"{'nothing to do' if again else 'backed up and verified'} in {time.monotonic() - began:.0f} s"
            )
        new = set(self.names()) - before
        must(len(new) == 1, f"one new backup was expected: {sorted(new)}")
        return new.pop()

    def restore(self, name: str, content: str) -> None:
        """Restore with the consent that the refused run named; a second run has nothing to do."""
        management = {"backups": backups(content), "restores": [{"guest": GUEST, "backup": name}]}
        digest = self.digest(management)
        began = time.monotonic()
        with self.book(management, consent=digest) as book:
            book.plan("restore_volumes")
            book.apply("restore_volumes")
        say(f"restored in {time.monotonic() - began:.0f} s")
        with self.book(management) as book:
            must("nothing to do" in book.plan("restore_volumes").text, "the restore is planned a second time")
            book.apply("restore_volumes")

    def digest(self, management: dict[str, Any]) -> str:
        """Return the line of consent that a run without consent says is missing."""
        error = self.refuses(ConsentMissing, "nobody agreed", management)
        match = re.search(r"restore_volumes:[0-9a-f]{12}", str(error))
        must(match is not None, f"the refusal does not name the consent: {error}")
        return match[0] if match else ""

    def refuses(
        self,
        kind: type[RunbookError],
        words: str,
        management: dict[str, Any],
        *,
        consent: str = "",
        volume: str = "",
        step: str = "restore_volumes",
    ) -> RunbookError:
        """Return the error of an attempt that must end with it; whatever else happens fails the proof."""
        management = {"backups": {"folder": FOLDER}, **management}
        try:
            with self.book(management, consent=consent, volume=volume) as book, _nobody_at_the_keyboard():
                book.apply(step)
        except RunbookError as error:
            must(type(error) is kind and words in str(error), f"'{words}' was expected: {error}")
            return error
        raise CheckFailed(f"It was not refused: {words}")

    @contextmanager
    def book(
        self, management: dict[str, Any] | None = None, consent: str = "", volume: str = ""
    ) -> Iterator[Book]:
        asked = self._params.model_dump() | {"management": management or {}}
        asked["consent"] = [*asked["consent"], *([consent] if consent else [])]
        for guest in asked["guests"]:
            if volume and guest["name"] == GUEST:
                guest["volume"] = {"name": volume, "size_gib": 1}
        params = HostParams.model_validate(asked)
        host = connect(params, NOTEBOOK)
        try:
            yield Book(params, "apply", host, NOTEBOOK, Journal(self._journal))
        finally:
            host.close()

    def names(self) -> list[str]:
        """Return the backups that are there, the oldest first."""
        return self.shell(f"ls -1 {FOLDER} 2>/dev/null; true").split()

    def newest(self) -> str:
        """Return the newest backup's name."""
        return self.names()[-1]

    def sum(self) -> str:
        """Return the SHA-256 of the whole volume."""
        return self.shell("sha256sum $1", self.volume).split()[0]

    def table(self) -> str:
        """Return the volume's partition table as sfdisk dumps it."""
        return self.shell("sfdisk --dump $1", self.volume)

    def unknown(self) -> str:
        """Return the SHA-256 of the partition that no tool knows."""
        return self.shell(
            f"dd if=$1 bs=512 skip={START + SECTORS} count=16384 status=none | sha256sum", self.volume
        )


@contextmanager
def _nobody_at_the_keyboard() -> Iterator[None]:
    """Let a question for consent find no one, also when a person runs this in a terminal."""
    terminal = sys.stdin
    with Path(os.devnull).open() as nobody:
        sys.stdin = nobody
        try:
            yield
        finally:
            sys.stdin = terminal


def backups(content: str, source: str = "off") -> dict[str, Any]:
    """Return the parameters of backups of the guest alone."""
    return {"folder": FOLDER, "guests": [GUEST], "content": content, "source": source}


def must(claim: bool, otherwise: str) -> None:
    """Raise `CheckFailed` unless a claim holds."""
    if not claim:
        raise CheckFailed("A claim about backups does not hold", why=otherwise)
