"""The record of a run: what `run.json` holds, as values."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from runbook.engine.journal import now
from runbook.evidence.outcomes import GOOD, Failure, StepEnd
from runbook.help import hint
from runbook.redaction import KNOWN

FORMAT = 1


Event = dict[str, Any]
"""Something that a person who watches a run wants to know, by its key `event`:

the journal's own lines `step-begin`, `action-begin` and `step-end` (with `seconds`), and from the runner
`run-begin` (`mode`, `folder`, `steps` by notebook), `notebook-begin` (`notebook`, `title`, `place` like 2/5), `notebook-end` (also `status`, `seconds`), `output`
(`text`) and `interrupt`.
"""


@dataclass
class NotebookRecord:
    """One notebook. `status`: completed, refused, failed, timed-out, killed, running or never-run."""

    name: str
    title: str
    status: str = "never-run"
    seconds: float | None = None
    cells: dict[str, int] = field(default_factory=dict)
    file: str | None = None
    html: str | None = None
    steps: list[StepEnd] = field(default_factory=list)
    note: str = ""
    """How it was run without a runner, and what of it could not be kept; '' for all others."""


@dataclass
class RunRecord:
    """One run. `outcome` is `running` until it ends; `abandoned` finds those whose runner died."""

    id: str
    host: str
    release: str
    connection: str
    mode: str
    params: dict[str, str]
    made_with: dict[str, Any]
    started: str = field(default_factory=now)
    ended: str | None = None
    seconds: float | None = None
    outcome: str = "running"
    exit_code: int | None = None
    failure: Failure | None = None
    signed_by: str | None = None
    """The fingerprint of the key that signs the attestation; None when nobody does."""
    by: dict[str, str] = field(default_factory=dict)
    """Who ran it, from where and as whom (`runbook.evidence.provenance.author`); empty in earlier reports."""
    change: str = ""
    """The number of the change that it belongs to, as whoever ran it said it; '' for none, and in earlier reports."""
    approval: dict[str, Any] = field(default_factory=dict)
    """What somebody else approved, and who planned it (`runbook.attestation.approval.told`); empty without one."""
    notebooks: list[NotebookRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    @property
    def is_plan(self) -> bool:
        """True when it only plans; `auto` replays a recorded host alone (`runbook.model.modes`)."""
        return self.mode == "plan" or (self.mode == "auto" and self.connection != "recorded")

    def as_dict(self) -> dict[str, Any]:
        """Return the content of `run.json`."""
        return {"format": FORMAT, **KNOWN.clean(asdict(self))}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunRecord:
        """Return the record that `as_dict` gave. Raises `TypeError` when there is something else in it."""
        books = [
            NotebookRecord(**{**book, "steps": [StepEnd(**end) for end in book["steps"]]})
            for book in content["notebooks"]
        ]
        failure = Failure(**content["failure"]) if content["failure"] else None
        known = {f.name: content[f.name] for f in fields(cls) if f.name in content}
        return cls(**{**known, "failure": failure, "notebooks": books})

    def close(self, outcome: str, exit_code: int | None) -> None:
        """Stamp the end."""
        self.outcome, self.exit_code, self.ended = outcome, exit_code, now()
        self.seconds = round(time.monotonic() - self._began, 3)


@dataclass(frozen=True)
class Run:
    """A run that has ended, and where its report is."""

    folder: Path
    record: RunRecord
    unsent: tuple[str, ...] = ()
    """Who could not be told that it has ended, and why (`runbook.evidence.notices`)."""
    sent: tuple[str, ...] = ()
    """Where to it was told; the report, which was closed before, does not have it."""

    @property
    def told(self) -> tuple[str, ...]:
        """In sentences: who could not be told of its end, then who was."""
        return (*self.unsent, *(f"told: {whereto}" for whereto in self.sent))

    @property
    def exit_code(self) -> int:
        return 1 if self.record.exit_code is None else self.record.exit_code

    @property
    def outcome(self) -> str:
        return self.record.outcome

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    @property
    def message(self) -> str:
        """Why it stopped, where, the next move, and where more of it is said; '' when it completed.

        A check goes on after what it found first: what it found after that is named too.
        """
        failure = self.record.failure
        if failure is None:
            return ""
        others = [book for book in self.record.notebooks if book.name != failure.notebook]
        bad = [
            (book.name, end)
            for book in others
            for end in book.steps
            if end.status not in (*GOOD, "never-run")
        ]
        more = [f"also {name}: {end.step} {end.status}: {end.message}" for name, end in bad]
        text = "\n".join((f"{failure}".strip(": "), *more))
        return KNOWN.text(text + hint(failure.name, text))

    @property
    def steps(self) -> dict[str, str]:
        """How each step ended, by name, in order."""
        return {end.step: end.status for book in self.record.notebooks for end in book.steps}
