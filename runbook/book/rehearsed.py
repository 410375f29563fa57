"""What a plan says of rehearsals: whether this very plan was carried out in one, and how that ended."""

from __future__ import annotations

from runbook.engine.beat import Beat
from runbook.engine.consent import Rehearsed
from runbook.facts import identity
from runbook.hosts import Host
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps import Step, name_of


def rehearsed_of(host: Host, params: HostParams) -> Rehearsed | None:
    """Return the rehearsals of a real host, None for a replay or a capture, and where there is no folder of the project."""
    if not host.is_real:
        return None
    from runbook.errors import RunbookError
    from runbook.evidence import rehearsals

    try:
        top = rehearsals.top()
        is_any = (top / params.host).is_dir()
        return rehearsals.rehearsed(params.host, top, rehearsals.edition()) if is_any else Rehearsed()
    except (RunbookError, OSError):
        return None


def said_of(beat: Beat, step: Step, plan: Plan, facts: Facts) -> str:
    """Return one sentence on a plan that would do something, '' where nobody was rehearsed and nothing is asked."""
    rehearsed = beat.rehearsed
    if rehearsed is None or not plan.actions or plan.after or (step.RISK == "safe" and not rehearsed.plays):
        return ""
    name = name_of(step)
    why = rehearsed.why_not(name, plan.digest(), identity.parse(facts))
    if not why:
        play = rehearsed.of(name, plan.digest())
        return f"rehearsed: this very plan ended well on {play.made[:10]}" if play else ""
    return (
        f"not rehearsed: {why}"
        if rehearsed.plays
        else "not rehearsed: `runbook rehearse` tries it in a virtual PC first"
    )
