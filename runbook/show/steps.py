"""How a plan and its outcome look."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.ask import Facts
from runbook.hosts.streams import is_whole
from runbook.plan import Finding, Plan
from runbook.show import pieces
from runbook.show.pieces import Shown, badge
from runbook.steps import Step, name_of
from runbook.text.html import escape
from runbook.words import many

_MANY_LINES = 30


@dataclass(frozen=True)
class Outcome:
    """How a step ended: one of the eight statuses, what was done with what it printed, and findings."""

    step: str
    status: str
    message: str = ""
    done: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()


def plan(step: Step, plan: Plan, facts: Facts) -> Shown:
    """Return a plan: actions with their previews, risk, digest and findings."""
    actions = list(plan.actions)
    what = many(len(actions), "action") if actions else "nothing to do"
    head = f"{step.TITLE}: {what}"
    facts_line = f"step {name_of(step)} · risk {step.RISK} · digest {plan.digest()}"
    html = [f"<div><b>{escape(head)}</b> {badge(step.RISK)} <small>{escape(facts_line)}</small>"]
    text = [head, f"  {facts_line}"]
    if plan.note:
        html.append(f"<p>{escape(plan.note)}</p>")
        text.append(f"  {plan.note}")
    for number, action in enumerate(actions, 1):
        preview = action.preview(facts)
        is_short = preview.count("\n") <= _MANY_LINES
        html.append(pieces.folded(f"{number}. {action.title}", preview, is_open=is_short))
        text.append(f"  {number}. {action.title}\n{pieces.indent(preview)}")
    html.append(pieces.findings_html(plan.findings) + "</div>")
    if plan.findings:
        text.append(pieces.findings_text(plan.findings))
    return Shown("".join(html), "\n".join(text))


def outcome(step: Step, end: Outcome) -> Shown:
    """Return how a step ended; what commands printed is folded, and all that was kept of it is there."""
    head = f"{step.TITLE}: {end.status}"
    html = [f"<div><b>{escape(step.TITLE)}</b> {badge(end.status)} {escape(end.message)}"]
    text = [f"{head}. {end.message}".rstrip(". ") if not end.message else f"{head}. {end.message}"]
    for number, (title, said) in enumerate(end.done, 1):
        lines = many(said.count("\n"), "line") + ("" if is_whole(said) else ", without the middle")
        if said.strip():
            html.append(pieces.folded(f"{number}. {title} ({lines})", said))
        else:
            html.append(f"<div>{number}. {escape(title)}</div>")
        text.append(f"  {number}. {title}" + (f" ({lines})" if said.strip() else ""))
    html.append(pieces.findings_html(end.findings) + "</div>")
    if end.findings:
        text.append(pieces.findings_text(end.findings))
    return Shown("".join(html), "\n".join(text))


def summary(title: str, rows: list[tuple[str, str, str]]) -> Shown:
    """Return the steps of a notebook and how each ended."""
    cells = "".join(
        f'<tr><td style="text-align:left">{escape(name)}</td><td style="text-align:left">{badge(status)}</td>'
        f'<td style="text-align:left">{escape(message)}</td></tr>'
        for name, status, message in rows
    )
    html = f"<div><b>{escape(title)}</b><table><tbody>{cells}</tbody></table></div>"
    wide = max((len(name) for name, _, _ in rows), default=0)
    text = [title, *(f"  {name:<{wide}}  {status:<9}  {message}".rstrip() for name, status, message in rows)]
    return Shown(html, "\n".join(text))
