"""Consent: who agreed to a disruptive or destructive step, and to which plan of it."""

from __future__ import annotations

from runbook.errors import ConsentMissing
from runbook.params import HostParams
from runbook.plan import Plan
from runbook.steps import Step


def require(name: str, step: Step, plan: Plan, params: HostParams) -> None:
    """Return when the step may run; ask the person at the keyboard if there is one.

    A safe step needs no consent. A disruptive one needs its name in the parameters' `consent`, a
    destructive one `name:digest`: that consent ends when the plan changes.

    Raises `ConsentMissing`, naming the line to add, when nobody agreed.
    """
    if step.RISK == "safe":
        return
    line = name if step.RISK == "disruptive" else f"{name}:{plan.digest()}"
    if line in params.consent or _person_agrees(name, step, plan):
        return
    raise ConsentMissing(
        f"{name} is {step.RISK} and nobody agreed to it",
        where=params.host,
        why=f"the parameters' consent does not have '{line}', and there is no answer from a keyboard",
        do=f"read its plan; then add '{line}' to `consent` in the parameters, and run again",
    )


def _person_agrees(name: str, step: Step, plan: Plan) -> bool:
    start = plan.digest()[:4]
    try:
        answer = input(f"{name} is {step.RISK}. Type {start} (the digest's beginning) to go on: ")
    except (EOFError, OSError, NotImplementedError, RuntimeError):
        return False
    return answer.strip() == start
