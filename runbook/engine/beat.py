"""The beat of a step — consent, act, journal, read again, check: the only place where a plan becomes deeds.

A step goes in as values (`Work`), and how it ended comes out as one (`Outcome`). What happens in between is in the
journal before it happens, each action with its way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.actions import Action
from runbook.controller.signals import go_on
from runbook.engine import gates, undo
from runbook.engine.apply import carry_out
from runbook.engine.consent import Approval, Rehearsed, require
from runbook.engine.journal import Journal
from runbook.errors import Refused, RunbookError
from runbook.hosts import Host, OnLine
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.model.unreadable import cause_of
from runbook.params import HostParams
from runbook.show import steps as views
from runbook.show.steps import Outcome
from runbook.steps import Step


@dataclass(frozen=True)
class Work:
    """A step on the point of being carried out: all that is known of it, as values."""

    name: str
    step: Step
    params: HostParams
    facts: Facts
    """The host as it was when the plan was made."""
    plan: Plan
    is_once: bool = True
    """True when the step's own plan has to be empty afterwards; False for a plan that was made for this one time."""


class Beat:
    """Carries out steps of one notebook on one host, and journals everything that begins or ends."""

    def __init__(
        self, host: Host, journal: Journal, notebook: str, on_end: Callable[[Outcome], None] | None = None,
        approval: Approval | None = None, rehearsed: Rehearsed | None = None,
    ) -> None:  # fmt: skip
        """`on_end` is told how each step ended, when the journal has it; `approval` is what somebody else agreed to."""
        self.host, self.journal, self.notebook, self.approval = host, journal, notebook, approval
        self.rehearsed = rehearsed
        self._on_end = on_end

    def log(self, event: str, **fields: Any) -> None:
        """Journal an event of this notebook."""
        self.journal.write(event, notebook=self.notebook, **fields)

    def step(self, name: str, carried: Callable[[], Outcome]) -> Outcome:
        """Return how a step ended, which the journal has then, whatever ended it. Raises what `carried` raises."""
        try:
            end = carried()
        except BaseException as error:
            other = "failed" if isinstance(error, Exception) else "killed"
            status = error.status if isinstance(error, RunbookError) else other
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.end(Outcome(name, status, message), cause_of(error))
            raise
        self.end(end)
        return end

    def begin(self, work: Work, *, stops: bool = False) -> None:
        """Journal that a step begins, with what it is about to do and its risk; with `stops` also what stops it."""
        self.log("step-begin", step=work.name, digest=work.plan.digest(), actions=len(work.plan.actions),
                 risk=work.step.RISK, **views.decided(work.plan, stops=stops))  # fmt: skip

    def end(self, end: Outcome, cause: str = "") -> None:
        """Journal how a step ended, and for a developer Python's own error behind that."""
        more = {"cause": cause} if cause else {}
        self.log("step-end", step=end.step, status=end.status, message=end.message, **more)
        if self._on_end:
            self._on_end(end)

    def carry(
        self, work: Work, look: Callable[[], Facts], on_line: OnLine,
        on_action: OnLine | None = None,
    ) -> Outcome:  # fmt: skip
        """Return how a step that has begun ended: refused, or agreed to, carried out, read again with `look`, and checked.

        Raises `Refused`, `ConsentMissing`, `CommandFailed`, `TimedOut`, `HostError` or `CheckFailed`.
        """
        gates.refuse_if_blocked(work.plan, work.name, work.params.host)
        if not work.plan.actions:
            return checked(work, work.facts, "unchanged")
        self.agree(work)
        done = []
        for index, action in enumerate(work.plan.actions):
            if on_action:
                on_action(action.title)
            way_back = {"undo": undo.pack(action.inverse(work.facts)), **undo.left_by(action)}
            done.append((action.title, self.act(work.name, index, action, on_line, **way_back)))
        facts = look()
        end = checked(work, facts, "changed", tuple(done))
        if work.is_once:
            left = work.step.plan(work.params, facts)
            gates.require_nothing_left(left, f"{work.name} ran and is still not done", work.params.host)
        return end

    def agree(self, work: Work) -> None:
        """Return when somebody agreed to a step that needs it, with how and who in the journal.

        Raises `ConsentMissing` when nobody did, `Refused` when nothing would keep what is done.
        """
        if self.host.is_real and self.journal.path is None:
            raise Refused(
                f"{work.name} would be carried out and nothing would keep a record of it",
                where=work.params.host,
                why="the run that this notebook had opened is closed",
                do="run the cell that opens the host again, and go on from there",
            )
        given = require(work.name, work.step, work.plan, work.params, work.facts, self.approval,
                        self.rehearsed)  # fmt: skip
        if given:
            by = {"by": given.by} if given.by else {}
            self.log("consent", step=work.name, risk=work.step.RISK, how=given.how, digest=given.digest,
                     who=given.who, **by)  # fmt: skip

    def act(self, step: str, index: int, action: Action, on_line: OnLine, **way_back: Any) -> str:
        """Carry one action out and return what it printed; the journal has its way back before, and how it ended after.

        Raises `KeyboardInterrupt`, with nothing done, when somebody asked to stop.
        """
        go_on()
        self.log("action-begin", step=step, index=index, title=action.title, **way_back)
        status = "failed"
        try:
            said = carry_out(action, self.host, on_line)
            status = "done"
        finally:
            self.log("action-end", step=step, index=index, title=action.title, status=status)
        return said


def checked(work: Work, facts: Facts, status: str, done: tuple[tuple[str, str], ...] = ()) -> Outcome:
    """Return the outcome of a step on a host that answered so. Raises `CheckFailed` with all that is wrong."""
    findings = tuple(work.step.check(work.params, facts))
    gates.require_passed(findings, work.name, work.params.host)
    message = "done and checked" if status == "changed" else views.unchanged(work.plan, findings)
    return Outcome(work.name, status, message, done, findings)


__all__ = ["Beat", "Work", "checked"]
