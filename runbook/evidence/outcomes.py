"""How steps, notebooks and runs ended: computed from the journal and from errors, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runbook.engine.journal import Line
from runbook.errors import RunbookError

ENDS = ("unchanged", "changed", "refused", "skipped", "failed", "timed-out", "killed", "never-run")
GOOD = ("unchanged", "changed", "skipped")
INTERRUPTED, KERNEL_DIED = 130, 138
CONSENTS = {
    "parameter": "agreed to by its name in the parameters",
    "digest": "agreed to by the digest of this very plan in the parameters",
    "approval": "approved by somebody else, who signed this very plan",
    "rehearsal": "agreed to by `consent: rehearsed`, and this very plan was rehearsed",
    "keyboard": "agreed to at the keyboard, plan shown and digest typed",
}
"""How consent was given, as the journal's event `consent` says it, in words."""


@dataclass(frozen=True)
class StepEnd:
    """How one step ended. `status` is one of `ENDS`; `actions` is None when no plan was begun.

    `stops` are the findings that stop a plan that was only made (`runbook.model.plan.Finding`, as objects), and `after` the
    steps that it waits for: its actions are then foreseen. `unasked` is the parameter that would have asked for
    something, where nothing was.
    """

    step: str
    title: str = ""
    status: str = "never-run"
    message: str = ""
    actions: int | None = None
    digest: str = ""
    seconds: float | None = None
    consent: str = ""
    """How a disruptive or destructive step was agreed to: a key of `CONSENTS`; '' when nobody had to."""
    stops: list[dict[str, Any]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    unasked: str = ""


@dataclass(frozen=True)
class Failure:
    """Why a run stopped: where, the error's name and its own words.

    `exit_code` is None when the runner itself died and nobody saw its end.
    """

    notebook: str
    cell: str
    name: str
    message: str
    status: str
    exit_code: int | None

    def __str__(self) -> str:
        place = f"{self.notebook}, cell {self.cell}" if self.cell else self.notebook
        return f"{place}: {self.name}\n{self.message}"


def step_ends(lines: Iterable[Line], notebook: str, steps: Iterable[tuple[str, str]]) -> list[StepEnd]:
    """Return how each step (name, title) of a notebook ended, in order, from the journal's lines.

    Begun without an end is `killed`; not begun is `never-run`. A step that ran twice counts as
    it ended last.
    """
    begun: dict[str, Line] = {}
    ended: dict[str, Line] = {}
    agreed: dict[str, Line] = {}
    for line in lines:
        if line.get("notebook") != notebook:
            continue
        name = str(line.get("step"))
        if line["event"] == "step-begin":
            begun[name] = line
            ended.pop(name, None)
            agreed.pop(name, None)
        elif line["event"] == "consent":
            agreed[name] = line
        elif line["event"] == "step-end":
            ended[name] = line
    return [_end_of(name, title, begun.get(name), ended.get(name), agreed.get(name)) for name, title in steps]


def _end_of(name: str, title: str, begin: Line | None, end: Line | None, agreed: Line | None) -> StepEnd:
    if begin is None and end is None:
        return StepEnd(name, title)
    actions = (begin or {}).get("actions")
    status, message = "killed", "it began, and nothing says that it ended"
    if end is not None:
        recorded = str(end.get("status"))
        known = recorded in ENDS
        status = recorded if known else "failed"
        message = str(end.get("message") or "") if known else f"it ended as '{recorded}', which is no outcome"
    return StepEnd(
        step=name,
        title=title,
        status=status,
        message=message,
        actions=actions if isinstance(actions, int) else None,
        digest=str((begin or {}).get("digest") or ""),
        seconds=seconds_between(begin, end),
        consent=str((agreed or {}).get("how") or ""),
        stops=list((begin or {}).get("stops") or []),
        after=list((begin or {}).get("after") or []),
        unasked=str((begin or {}).get("unasked") or ""),
    )


def seconds_between(begin: Line | None, end: Line | None) -> float | None:
    """Return the seconds between two lines of a journal, None when one is missing.

    A journal of an earlier version has no `tick_s`; there the time of day has to do.
    """
    if begin is None or end is None:
        return None
    if "tick_s" in begin and "tick_s" in end:
        return round(float(end["tick_s"]) - float(begin["tick_s"]), 3)
    spent = datetime.fromisoformat(end["at"]) - datetime.fromisoformat(begin["at"])
    return round(spent.total_seconds(), 3)


def error_class(name: str) -> type[RunbookError] | None:
    """Return the runbook's own error of a name, None for anything else.

    >>> error_class("Refused").exit_code
    3
    """
    return next((kind for kind in _family(RunbookError) if kind.__name__ == name), None)


def _family(kind: type[RunbookError]) -> Iterator[type[RunbookError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def stopped_by_steps(ends: Iterable[StepEnd]) -> tuple[str, int] | None:
    """Return status and exit code of the first step that did not end well, None when all did.

    The last word when no cell raised: a notebook with a failed step, or with one that was never
    begun, did not complete, whatever its cells say.
    """
    for end in ends:
        if end.status not in GOOD:
            status = "failed" if end.status == "never-run" else end.status
            return status, {"refused": 3, "timed-out": 6}.get(status, 1)
    return None


def standing(lines: list[Line]) -> str:
    """Return in words where a run stands after an interruption: what had ended, what was running."""
    done: list[str] = []
    running: Line | None = None
    action = ""
    for line in lines:
        if line["event"] == "step-begin":
            running, action = line, ""
        elif line["event"] == "action-begin":
            action = str(line.get("title") or "")
        elif line["event"] == "step-end":
            running = line if line.get("status") == "killed" else None
            if line.get("status") in GOOD:
                done.append(str(line.get("step")))
    sentences = [f"Ended well before: {', '.join(done)}." if done else "No step had ended."]
    if running is None:
        sentences.append("No step was running.")
    else:
        at = f", last begun: {action}" if action else ", before its first action"
        sentences.append(f"Running when it stopped: {running.get('step')} ({running.get('notebook')}){at}.")
    sentences.append("Run it again: what is done is not done twice.")
    return "\n".join(sentences)
