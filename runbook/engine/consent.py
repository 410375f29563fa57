"""Consent: who agreed to a disruptive or destructive step, and to which plan of it."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from runbook.controller.keyboard import at_keyboard
from runbook.errors import ConsentMissing
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.show import steps as views
from runbook.steps import Step


@dataclass(frozen=True)
class Consent:
    """That somebody agreed to a step's plan."""

    how: str
    """`parameter` (its name in the parameters), `digest` (that of its plan beside the name) or `keyboard`."""
    digest: str
    """That of the plan."""
    who: str
    """The user of the controller in whose name the step runs."""


def require(name: str, step: Step, plan: Plan, params: HostParams, facts: Facts) -> Consent | None:
    """Return the consent with which the step may run, None when it needs none.

    Shows the plan to the person at the keyboard, if there is one, and asks.

    A safe step needs no consent. A disruptive one needs its name in the parameters' `consent`, or
    `name:digest`; a destructive one, and a plan that has losses, `name:digest`. A digest is no consent to any
    other plan.

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
    why = _ask(name, step, plan, facts) if at_keyboard() else "nobody is at a keyboard"
    if not why:
        return Consent("keyboard", plan.digest(), user())
    others = [said for said in params.consent if said.startswith(f"{name}:")]
    had = f"'{others[0]}' was the consent to another plan" if others else "the parameters do not have it"
    if plan.losses and name in params.consent:
        had = f"'{name}' is no consent to what would be lost: {'; '.join(f.what for f in plan.losses)}"
    add = f"'{line}'" if is_exact else f"'{name}' (or '{line}', for this very plan alone)"
    raise ConsentMissing(
        f"{name} is {step.RISK}{' and loses what is in force,' if plan.losses else ''} and nobody agreed to it",
        where=params.host,
        why=f"{had}, and {why}",
        do=f"read its plan; then add {add} to `consent` in the parameters, and run again",
    )


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
