"""How a plan and its outcome look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runbook.hosts.streams import is_whole
from runbook.model.ask import Facts
from runbook.model.plan import Finding, Plan
from runbook.show import pieces
from runbook.show.pieces import Shown, badge
from runbook.steps import Step, name_of
from runbook.text.html import escape
from runbook.text.html import rows as table_rows
from runbook.text.plural import plural

_MANY_LINES = 30


@dataclass(frozen=True)
class Outcome:
    """How a step ended: one of the eight statuses, what was done with what it printed, and findings."""

    step: str
    status: str
    message: str = ""
    done: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()


def plan(step: Step, plan: Plan, facts: Facts, remark: str = "") -> Shown:
    """Return a plan: actions with their previews, risk, digest and findings; `remark` is a sentence more on it."""
    actions = list(plan.actions)
    what = plural(len(actions), "action") if actions else (not_asked_for(plan) or "nothing to do")
    when = f"after {', '.join(plan.after)}" if plan.after else ""
    if when:
        what = f"{plural(len(actions), 'action')} foreseen, {when}" if actions else f"not yet, {when}"
    head = f"{step.TITLE}: {what}"
    agreed = "no digest yet: nobody can agree to what is only foreseen" if when else f"digest {plan.digest()}"
    facts_line = f"step {name_of(step)} · risk {step.RISK} · {agreed}"
    html = [f"<div><b>{escape(head)}</b> {badge(step.RISK)} <small>{escape(facts_line)}</small>"]
    text = [head, f"  {facts_line}"]
    if remark:
        html.append(f"<p>{escape(remark)}</p>")
        text.append(f"  {remark}")
    if plan.note:
        html.append(f"<p>{escape(plan.note)}</p>")
        text.append(f"  {plan.note}")
    for number, action in enumerate(actions, 1):
        preview = action.preview(facts)
        is_short = preview.count("\n") <= _MANY_LINES
        title = f"{number}. {f'{when}: ' if when else ''}{action.title}"
        html.append(pieces.folded(title, preview, is_open=is_short))
        text.append(f"  {title}\n{pieces.indent(preview)}")
    html.append(pieces.findings_html(plan.findings) + "</div>")
    if plan.findings:
        text.append(pieces.findings_text(plan.findings))
    return Shown("".join(html), "\n".join(text))


def unrecorded(step: Step, why: str) -> Shown:
    """Return that a step cannot be played, in the place of its plan."""
    head = f"{step.TITLE}: {why}"
    return Shown(f"<div><b>{escape(head)}</b></div>", head)


def not_asked_for(plan: Plan) -> str:
    """Return that nothing was asked for, with the parameter that would ask; '' where something was."""
    return f"not asked for: {plan.unasked}" if plan.unasked and not plan.actions else ""


def unchanged(plan: Plan, checked: Sequence[Finding]) -> str:
    """Return in words why nothing was done: it was right, nobody asked, or there is something to read."""
    warnings = {finding for finding in (*plan.findings, *checked) if finding.level == "warn"}
    if plan.unasked or not warnings:
        return not_asked_for(plan) or "it was right already"
    return f"nothing had to be done; {plural(len(warnings), 'warning')} to read"


def decided(plan: Plan, *, stops: bool) -> dict[str, Any]:
    """Return what a journal keeps of a plan beside its digest; with `stops` also what stops it."""
    fields: dict[str, Any] = {"unasked": plan.unasked} if not_asked_for(plan) else {}
    if stops and plan.stops:
        fields |= {"stops": [asdict(finding) for finding in plan.stops], "after": list(plan.after)}
    return fields


def end_of_plan(step: str, plan: Plan) -> Outcome:
    """Return how a step ends that is only planned: `refused` when carrying it out would be, else `skipped`."""
    if plan.refusals:
        first, *others = plan.refusals
        more = f" (and {len(others)} more)" if others else ""
        return Outcome(step, "refused", f"would refuse: {first.what}{more}", (), plan.findings)
    message = not_asked_for(plan) or "mode is plan: nothing was changed"
    if plan.after:
        message = f"mode is plan: nothing was changed; it comes after {', '.join(plan.after)}"
    return Outcome(step, "skipped", message, (), plan.findings)


def outcome(step: Step, end: Outcome) -> Shown:
    """Return how a step ended; what commands printed is folded, and all that was kept of it is there."""
    head = f"{step.TITLE}: {end.status}"
    html = [f"<div><b>{escape(step.TITLE)}</b> {badge(end.status)} {escape(end.message)}"]
    text = [f"{head}. {end.message}".rstrip(". ") if not end.message else f"{head}. {end.message}"]
    for number, (title, output) in enumerate(end.done, 1):
        lines = plural(output.count("\n"), "line") + ("" if is_whole(output) else ", without the middle")
        if output.strip():
            html.append(pieces.folded(f"{number}. {title} ({lines})", output))
        else:
            html.append(f"<div>{number}. {escape(title)}</div>")
        text.append(f"  {number}. {title}" + (f" ({lines})" if output.strip() else ""))
    html.append(pieces.findings_html(end.findings) + "</div>")
    if end.findings:
        text.append(pieces.findings_text(end.findings))
    return Shown("".join(html), "\n".join(text))


def summary(title: str, rows: list[tuple[str, str, str]]) -> Shown:
    """Return the steps of a notebook and how each ended."""
    cells = [(escape(name), badge(status), escape(message)) for name, status, message in rows]
    html = f"<div><b>{escape(title)}</b>{table_rows((), cells)}</div>"
    wide = max((len(name) for name, _, _ in rows), default=0)
    text = [title, *(f"  {name:<{wide}}  {status:<9}  {message}".rstrip() for name, status, message in rows)]
    return Shown(html, "\n".join(text))
