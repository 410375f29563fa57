"""What a fleet is asked to do, and a fleet run that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runbook.evidence.fleets.record import FleetRecord


@dataclass(frozen=True)
class FleetRequest:
    """What a fleet is asked to do."""

    mode: str = "auto"
    only: str | None = None
    start: str | None = None
    strict: bool = False
    parallel: int = 1
    serial: str = ""
    """Sizes of batches, such as `1,5,20%`; '' for one batch of all."""
    max_failures: int = 0
    """After so many hosts that did not complete no other is begun; 0 for never."""
    scheduler: str | None = None


@dataclass(frozen=True)
class FleetRun:
    """A fleet run that has ended, and where its report is."""

    folder: Path
    record: FleetRecord

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"
