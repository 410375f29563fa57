"""Whoever listens to a run is told what happens in it, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from runbook.engine.journal import Line, Tail
from runbook.evidence.outcomes import seconds_between
from runbook.evidence.record import Event
from runbook.redaction import KNOWN

OnEvent = Callable[[Event], None]


class Teller:
    """Tells what the journal of a run has, and what comes between its lines."""

    def __init__(self, journal: Path, on_event: OnEvent | None) -> None:
        self._tail, self._on_event = Tail(journal), on_event
        self._begun: Line | None = None

    def follow(self) -> None:
        """Tell what the journal has got since the last time."""
        for line in self._tail.new():
            if line["event"] == "step-begin":
                self._begun = line
                self.tell(**line)
            elif line["event"] == "action-begin":
                self.tell(**line)
            elif line["event"] == "step-end":
                self.tell(**line, seconds=seconds_between(self._begun, line))

    def hear(self, notebook: str, text: str) -> None:
        """Tell an output after what the journal said before it: it belongs to the action that has begun."""
        self.follow()
        self.tell(event="output", notebook=notebook, text=text)

    def tell(self, **event: Any) -> None:
        """Tell the listener; one that fails (a closed terminal) is not told again, and stops nothing."""
        if self._on_event is not None:
            try:
                self._on_event(KNOWN.clean(event))
            except Exception:
                self._on_event = None
