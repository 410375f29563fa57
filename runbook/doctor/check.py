"""What one check of the controller found, and how a check asks a program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

OK, LACKS, WRONG = "ok", "lacks", "wrong"
TIMEOUT_S = 60


@dataclass(frozen=True)
class Check:
    """The outcome of one check: `lacks` when the runbook works without it, but not all of it."""

    name: str
    state: str
    says: str
    do: str = ""
    """The next move; '' when all is well."""


def answer(*argv: str) -> tuple[int, str]:
    """Return a program's status and what it printed, both streams; 127 when it cannot be run at all."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()
