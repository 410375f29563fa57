"""Consent: who agreed to a disruptive or destructive step, and to which plan of it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from runbook.controller.keyboard import at_keyboard
from runbook.errors import ConsentMissing
from runbook.facts import identity
from runbook.hosts import Host
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.params.here import REHEARSED
from runbook.params.host import Stored
from runbook.show import steps as views
from runbook.steps import Step

_MACHINE = identity.COMMANDS[0]


@dataclass(frozen=True)
class Consent:
    """That somebody agreed to a step's plan."""

    how: str
    """`parameter` (its name in the parameters), `digest` (that of its plan beside the name), `approval` (somebody
    else signed the plan), `rehearsal` (this very plan ended well in one) or `keyboard`."""
    digest: str
    """That of the plan."""
    who: str
    """The user of the controller in whose name the step runs."""
    by: str = ""
    """Who approved the plan; '' for those who run it themselves."""


@dataclass(frozen=True)
class Approval:
    """What somebody else agreed to, proven to be theirs: the plan of each step by its digest."""

    by: str
    """Who that is: whose key it is in the parameters, and its fingerprint."""
    digests: Mapping[str, str]
    foreseen: frozenset[str] = frozenset()
    """Steps of which only a foreseen plan was approved: what is then done was not."""
    machine: str = ""
    """The installation that was planned for (`runbook.facts.identity`), '' where it has no id."""


@dataclass(frozen=True)
class Played:
    """What one rehearsal of a host stands for."""

    made: str
    """When, ISO 8601."""
    outcome: str
    """`held`, or how it ended otherwise."""
    machine: str
    """The installation that it was made like (`runbook.facts.identity`); that of a capture is nobody's."""
    is_current: bool
    """False when another edition of the runbook played it."""
    is_broken: bool
    """True when something was broken in it on purpose."""
    digests: Mapping[str, str]
    """For each step the digest of the plan that was carried out."""
    ended: Mapping[str, str]
    to: str = ""
    """Where it was to stop before its end, '' for a whole one."""

    @property
    def is_failed(self) -> bool:
        """Whether it went wrong by itself: neither broken on purpose, nor stopped by a person."""
        return not self.is_broken and self.outcome not in ("held", "interrupted")

    def why_not(self, name: str, machine: str) -> str:
        """Return why its play of a step is no word for a host's, '' when it is."""
        day, ended = self.made[:10], self.ended.get(name, "nowhere")
        if ended != "changed":
            return f"this very plan was rehearsed on {day}, and ended {ended}"
        if self.outcome != "held" or self.is_broken:
            how = "had something broken in it on purpose" if self.is_broken else f"ended {self.outcome}"
            return f"this very plan went well on {day}, in a rehearsal that {how}"
        if self.to:
            return f"this very plan went well on {day}, in a rehearsal that was no whole one: it was to stop at {self.to}"
        if not self.is_current:
            return f"this very plan was rehearsed on {day}, by another edition of the runbook"
        same = machine and machine == self.machine
        return (
            ""
            if same
            else f"this very plan was rehearsed on {day}, for another installation or from a capture"
        )


@dataclass(frozen=True)
class Rehearsed:
    """The rehearsals of a host, the newest first."""

    plays: tuple[Played, ...] = ()

    def of(self, name: str, digest: str) -> Played | None:
        """Return the newest one in which a step was carried out with this very plan."""
        return next((play for play in self.plays if play.digests.get(name) == digest), None)

    def why_not(self, name: str, digest: str, machine: str) -> str:
        """Return why a step's plan does not count as rehearsed for an installation, '' when it does."""
        if play := self.of(name, digest):
            newer = self.plays[: self.plays.index(play)]
            failed = next((other for other in newer if other.is_failed), None)
            if failed:
                return f"this very plan was rehearsed on {play.made[:10]}, and a newer rehearsal, of {failed.made[:10]}, ended {failed.outcome}"
            return play.why_not(name, machine)
        if other := next((play for play in self.plays if name in play.digests), None):
            return f"another plan of it was rehearsed on {other.made[:10]}, {other.digests[name]}"
        return "it was not rehearsed"


def require(
    name: str, step: Step, plan: Plan, params: HostParams, facts: Facts, approval: Approval | None = None,
    rehearsed: Rehearsed | None = None,
) -> Consent | None:  # fmt: skip
    """Return the consent with which the step may run, None when it needs none.

    Shows the plan to the person at the keyboard, if there is one, and asks.

    A safe step needs no consent. A disruptive one needs its name in the parameters' `consent`, or
    `name:digest`; a destructive one, and a plan that has losses, `name:digest`. A digest is no consent to any
    other plan. An `approval` is consent to exactly the plans that it names. `consent: rehearsed` is consent to a
    disruptive step whose very plan `rehearsed` has, ended well; never to a destructive one, or to losses.

    Raises `ConsentMissing`, naming the line to add, when nobody agreed.
    """
    if step.RISK == "safe" and not plan.losses:
        return None
    is_exact = step.RISK == "destructive" or bool(plan.losses)
    line = f"{name}:{plan.digest()}"
    if line in params.consent:
        return Consent("digest", plan.digest(), user())
    if name in params.consent and not is_exact:
        return Consent("parameter", plan.digest(), user())
    if approval and approval.digests.get(name) == plan.digest():
        return Consent("approval", plan.digest(), user(), approval.by)
    if REHEARSED in params.consent and not is_exact and not _not_rehearsed(name, plan, facts, rehearsed):
        return Consent("rehearsal", plan.digest(), user())
    why = _ask(name, step, plan, facts) if at_keyboard() else "nobody is at a keyboard"
    if not why:
        return Consent("keyboard", plan.digest(), user())
    add = f"'{line}'" if is_exact else f"'{name}' (or '{line}', for this very plan alone)"
    do = f"read its plan; then add {add} to `consent` in the parameters, and run again"
    if params.approvers:
        do = _approved_how(name, params, approval)
    raise ConsentMissing(
        f"{name} is {step.RISK}{' and loses what is in force,' if plan.losses else ''} and nobody agreed to it",
        where=params.host,
        why=f"{_had(name, plan, params, facts, approval, rehearsed)}, and {why}",
        do=do,
    )


def _approved_how(name: str, params: HostParams, approval: Approval | None) -> str:
    """Return the next move where others have to agree; a replay is the same at each plan, so what was foreseen stays so."""
    if approval and name in approval.foreseen and isinstance(params.connection, Stored):
        return (
            f"name it beside the key, `consent: {{by: KEY, steps: [{name}]}}`, and plan anew: on a recorded host each "
            "plan is of its beginning, and foresees this step again; on a machine it is approved by the next plan"
        )
    return "plan anew and have it approved: runbook plan PARAMS --save FILE; then `runbook approve FILE` by its owner"


def require_same_machine(approval: Approval | None, machine: str, host: Host) -> None:
    """Raise `ConsentMissing` when somebody approved a plan for another installation than this one."""
    if approval and host.is_real and approval.machine != machine:
        raise ConsentMissing(
            "The approval does not hold, and nothing was done",
            where=host.describe,
            why=f"it is for the installation {approval.machine or 'without an id'}, and this is {machine or 'one without'}",
            do="plan anew, and have that approved: runbook plan PARAMS --save FILE",
        )


def _not_rehearsed(name: str, plan: Plan, facts: Facts, rehearsed: Rehearsed | None) -> str:
    """Return why this very plan is not one that was rehearsed for this host, '' when it is."""
    return (rehearsed or Rehearsed()).why_not(
        name, plan.digest(), identity.parse(facts) if _MACHINE in facts else ""
    )


def _had(name: str, plan: Plan, params: HostParams, facts: Facts, approval: Approval | None,
         rehearsed: Rehearsed | None) -> str:  # fmt: skip
    """Return what was agreed to instead."""
    if approval and name in approval.foreseen:
        return f"{approval.by} approved what was foreseen of it, before the steps that it waited for had run"
    if approval and name in approval.digests:
        return f"{approval.by} approved another plan of it, {approval.digests[name]}, and it is {plan.digest()} now"
    if approval:
        return f"the plan that {approval.by} approved does not have it"
    if plan.losses and name in params.consent:
        return f"'{name}' is no consent to what would be lost: {'; '.join(f.what for f in plan.losses)}"
    others = [said for said in params.consent if said.startswith(f"{name}:")]
    if others:
        return f"'{others[0]}' was the consent to another plan"
    if params.approvers:
        return "its consent is somebody else's, and no approval was given with --approval"
    if REHEARSED in params.consent and (why := _not_rehearsed(name, plan, facts, rehearsed)):
        return f"`consent: rehearsed` is none here: {why}"
    return "the parameters do not have it"


def user() -> str:
    """Return the name of the controller's user, or their number where it has no name (some containers)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _ask(name: str, step: Step, plan: Plan, facts: Facts) -> str:
    """Show the plan and ask for its digest; return why the answer is no consent, '' when it is one."""
    from IPython.display import display

    display(views.plan(step, plan, facts))  # type: ignore[no-untyped-call]
    start = plan.digest()[:4]
    try:
        answer = input(f"{name} is {step.RISK}. Type {start} (the digest's beginning) to go on: ")
    except (EOFError, OSError, NotImplementedError, RuntimeError):
        return "no answer came from the keyboard"
    return "" if answer.strip() == start else "what was typed is not the digest's beginning"
