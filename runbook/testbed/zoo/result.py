"""What a machine of the zoo was last seen to do, as a file a machine; the page of all of them is made from these."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runbook.controller.atomic import write_atomic
from runbook.controller.project import project

FOLDER = "docs/zoo"


@dataclass(frozen=True)
class Result:
    """One machine, last seen. `seen` is held, refused (as it must be), planned (and no more asked for) or failed."""

    machine: str
    seen: str
    on: str
    """The day."""
    commit: str
    minutes: dict[str, float] = field(default_factory=dict)
    """How long each part took."""
    resumed: bool = False
    """It went on at a checkpoint, so its minutes are not those of a whole run."""
    at: str = ""
    """The part that failed."""
    why: str = ""
    """What it said."""

    @property
    def total(self) -> float:
        """All minutes together."""
        return round(sum(self.minutes.values()), 1)


def save(result: Result, folder: Path | None = None) -> Path:
    """Write the result beside those of the other machines, and return its file."""
    place = folder or project() / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{result.machine}.json"
    write_atomic(file, json.dumps(asdict(result), indent=1) + "\n")
    return file


def read(machine: str, folder: Path | None = None) -> Result | None:
    """Return a machine's last result, None when it was never booted."""
    file = (folder or project() / FOLDER) / f"{machine}.json"
    return Result(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def commit() -> str:
    """Return the source's short commit, with `+` where files differ from it; '' when there is no git."""
    words = ("git", "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=7")
    done = subprocess.run(words, cwd=project(), capture_output=True, text=True, check=False)
    return done.stdout.strip()
