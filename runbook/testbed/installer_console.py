"""Reading along on the console of an unattended installation: how far it is, and whether it got stuck."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from runbook.testbed.console import console_tail
from runbook.testbed.errors import TestbedError, plain

#: What the installer's text frontend says when it waits for somebody, and nobody is there (cdebconf).
QUESTION = re.compile(r"Prompt: '.' for help|\[Press enter to continue\]|!! ERROR: |[Pp]assword: ?$")
#: The bar it shows while it works: `Installing the base system  ... 10%... 20%`.
PROGRESS = re.compile(r"^(\S.*?)\s+\.\.\. ?\d+%(?:.*?(\d+)%)?")
#: What the runbook's own scripts in the installer say.
OWN = re.compile(r"\brunbook: (.*)")
STOPPED = re.compile(r"runbook: STOPPED: (.*)")
COMPLETE = "runbook: the installation is complete"
DEAD = re.compile(r"Kernel panic|No bootable option or device")


class Watch:
    """Follows a console log. `look()` reads what is new, says how far it is, and raises if it is stuck."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self.log = log
        self.say = say
        self.is_complete = False
        self.stopped = ""
        """Why the installer refused to go on, in its own words."""
        self._at = 0
        self._rest = ""
        self._said = ""

    def look(self) -> bool:
        """Read on; always False, so that it can stand in a condition.

        Raises `TestbedError` for a question: an installer that asks something waits for ever.
        """
        for line in self._lines():
            if COMPLETE in line:
                self.is_complete = True
            if found := STOPPED.search(line):
                self.stopped = found[1]
            if DEAD.search(line):
                raise self.failure(f"it did not boot: {line}")
            if QUESTION.search(line):
                raise self.failure("the installer asks something and waits")
            if found := OWN.search(line) or PROGRESS.match(line):
                self._progress(found[1])
        return False

    def failure(self, why: str) -> TestbedError:
        """Return the error of an installation that did not work, with the console's end."""
        return TestbedError(
            "the unattended installation did not work",
            where=str(self.log),
            why=f"{why}; the console's last words:\n{console_tail(self.log, 25)}",
            next_move="read the whole console there; a file that cannot be downloaded is one the mirror lacks",
        )

    def _progress(self, what: str) -> None:
        if what != self._said:
            self._said = what
            self.say(f"  {what}")

    def _lines(self) -> list[str]:
        """The new lines, and what there is of the last one: a prompt and a bar end without a line's end."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        self._at += len(new)
        text = self._rest + new.decode(errors="replace")
        lines = re.split(r"[\r\n]+", text)
        self._rest = lines[-1]
        return [plain(line).strip() for line in lines]
