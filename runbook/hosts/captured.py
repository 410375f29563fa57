"""A host whose answers are a capture: it can be looked at and planned for, and never acts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from runbook.errors import NotRecorded, Refused
from runbook.hosts import capture
from runbook.hosts.base import Delivered, OnLine, Result, Supply
from runbook.model.ask import Ask, Facts

LONGEST = 100
"""Characters of a question in a message: some are scripts of many lines."""


class CapturedHost:
    """Answers what a machine answered once. No machine is reached; what would change one is refused."""

    is_real = False

    def __init__(self, folder: Path) -> None:
        self._answers = capture.load(folder).answers
        self._folder = folder
        self.describe = f"the capture {folder.name}"
        self.round_trips = 0

    def gather(self, asks: Iterable[Ask]) -> Facts:
        self.round_trips += 1
        found = {ask: self._answers[ask] for ask in asks if ask in self._answers}
        return Facts(found, self.describe, self.never_asked)

    def never_asked(self, ask: Ask) -> NotRecorded:
        """Return the error for a question that the capture does not hold."""
        first, more, _ = ask.key.partition("\n")
        short = f"{first[:LONGEST]} …" if more or len(first) > LONGEST else first
        return NotRecorded(
            f"A capture was never asked: {short}",
            where=str(self._folder),
            why="a capture knows what the survey, `runbook new` and the steps asked when it was made, with the parameters "
            "that lie in it",
            do=f"plan with its own parameters, {self._folder / capture.PARAMS}; or make a fuller one on the machine: "
            "runbook survey PARAMS --save FOLDER, with the parameters that you plan with",
        )

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes = b"",
        timeout_s: float | None = None,
        on_line: OnLine | None = None,
    ) -> Result:
        self._refuse(f"run {argv[0]}")

    def write(self, path: str, data: bytes, *, mode: str, owner: str, check: tuple[str, ...] = ()) -> None:
        self._refuse(f"write {path}")

    def put(self, folder: str, what: str, supply: Supply) -> tuple[Delivered, ...]:
        self._refuse(f"copy {what} to {folder}")

    def reboot(self, wait_s: float, on_line: OnLine | None = None) -> None:
        self._refuse("restart it")

    def reconnect(self, proof: tuple[str, ...], wait_s: float, on_line: OnLine | None = None) -> None:
        self._refuse("connect to it")

    def lock(self) -> None:
        """Refuse: only who is about to change a host locks it."""
        self._refuse("change it")

    def close(self) -> None:
        """Nothing to let go of."""

    def _refuse(self, what: str) -> NoReturn:
        raise Refused(
            f"A capture cannot be changed: asked to {what}",
            where=str(self._folder),
            why="it holds what a machine answered; no machine is behind it",
            do="look and plan here; on the machine itself, leave --capture out and name its parameter file",
        )
