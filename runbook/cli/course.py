"""How far a run is, and how long the rest may take: as long as it took the last time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from runbook.evidence.record import Event
from runbook.evidence.timings import LastTime, last_time
from runbook.text.moments import about, spent
from runbook.text.plural import plural


class Course:
    """Follows the events of one run. `clock` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before = LastTime()
        self._plan: dict[str, list[str]] = {}
        self._ended: set[str] = set()
        self.notebook = self.step = ""
        self.steps_ended = 0
        self._run_began = self._book_began = self._step_began = clock()

    def event(self, event: Event) -> None:
        """Take one event of the run."""
        match event["event"]:
            case "run-begin":
                self._plan = event["steps"]
                folder = Path(event["folder"])
                self._before = last_time(folder.parent, event["mode"], folder.name)
                self._run_began = self._clock()
            case "notebook-begin":
                self.notebook, self.step = event["notebook"], ""
                self._book_began = self._step_began = self._clock()
            case "step-begin":
                self.step, self._step_began = event["step"], self._clock()
            case "step-end":
                self.step, self.steps_ended = "", self.steps_ended + 1
                self._step_began = self._clock()
            case "notebook-end":
                self._ended.add(event["notebook"])

    @property
    def steps_in_all(self) -> int:
        """How many steps the run has."""
        return sum(map(len, self._plan.values()))

    @property
    def place(self) -> str:
        """The running step among those of its notebook, such as `2/7`; '' between steps."""
        steps = self._plan.get(self.notebook, [])
        return f"{steps.index(self.step) + 1}/{len(steps)}" if self.step in steps else ""

    @property
    def expected_s(self) -> float | None:
        """How long the running step may take; None when it is not known."""
        return self._before.steps.get((self.notebook, self.step))

    @property
    def whole_s(self) -> float | None:
        """How long the whole run may take; None when that of any notebook is not known."""
        known = [self._before.notebooks.get(name) for name in self._plan]
        return None if not known or None in known else sum(s for s in known if s is not None)

    @property
    def left_s(self) -> float | None:
        """How long the rest of the run may take, None when it is not known."""
        if self.whole_s is None:
            return None
        left = 0.0
        for name in self._plan:
            if name not in self._ended:
                gone = self._clock() - self._book_began if name == self.notebook else 0.0
                left += max(self._before.notebooks[name] - gone, 0.0)
        return left

    def of_step(self) -> str:
        """Return how long the running step has taken, and may take."""
        expected = f" of about {about(self.expected_s)}" if self.expected_s is not None else ""
        return f"{spent(self._clock() - self._step_began)}{expected}"

    def of_run(self) -> str:
        """Return how far the run is: steps, time, and time left."""
        parts = [
            f"{self.steps_ended} of {plural(self.steps_in_all, 'step')}",
            spent(self._clock() - self._run_began),
        ]
        if self.left_s is not None:
            parts.append(f"about {about(self.left_s)} left")
        return " · ".join(parts)
