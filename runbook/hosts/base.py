"""What every host can do, whether it is real or recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runbook.model.ask import Ask, Facts

OnLine = Callable[[str], None]
Supply = Callable[[], Iterable[Path]]
"""Gives files of the controller; it may take an hour to make them first."""


@dataclass(frozen=True)
class Delivered:
    """One file that was copied to the host."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Result:
    """A command that ended: its argv, exit status, and both streams (UTF-8, bad bytes replaced)."""

    argv: tuple[str, ...]
    status: int
    out: str
    err: str


class Host(Protocol):
    """The only way to touch a machine. `describe` is one line for people; `is_real` says whether it exists."""

    describe: str
    is_real: bool

    @property
    def round_trips(self) -> int:
        """How often the host was talked to."""

    def gather(self, asks: Iterable[Ask]) -> Facts:
        """Return the answers to all questions, fetched in one round trip.

        Raises `HostError` when the host cannot be reached, `NotRecorded` on a replay.
        """

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes = b"",
        timeout_s: float | None = None,
        on_line: OnLine | None = None,
    ) -> Result:
        """Run one command; `on_line` gets each line of either stream while it runs.

        A time-out or an interrupt ends the whole remote process group and raises `TimedOut` or
        `KeyboardInterrupt`. The status is returned, whatever it is.
        """

    def write(self, path: str, data: bytes, *, mode: str, owner: str, check: tuple[str, ...] = ()) -> None:
        """Write a whole file atomically: temporary file beside it, `check`, fsync, rename.

        Raises `CommandFailed`, with the old file untouched, when `check` or any part fails.
        """

    def put(self, folder: str, what: str, supply: Supply) -> tuple[Delivered, ...]:
        """Copy the files of a supply into a folder on the host, and return them sorted by name.

        They may be large and binary: a recording keeps only `what` they are, and their names, sizes
        and checksums; a replay answers those and never asks the supply. Raises `CommandFailed` when
        a copy is not what was sent.
        """

    def reboot(self, wait_s: float, on_line: OnLine | None = None) -> None:
        """Restart and return when the host answers with a new boot id. Raises `HostError` when it does not."""

    def reconnect(self, proof: tuple[str, ...], wait_s: float, on_line: OnLine | None = None) -> None:
        """Return when a connection that began after `proof` held has run it with status 0.

        Raises `HostError` after `wait_s` seconds.
        """

    def lock(self) -> None:
        """Keep every other run off this host until `close`. Raises `HostError` when one is there."""

    def close(self) -> None:
        """Let go of the host: connections and lock."""
