"""What of a host is not as its parameters or its last good report have it: the checks of the steps, and drift."""

from __future__ import annotations

from pathlib import Path

from runbook.errors import RunbookError
from runbook.evidence import drift
from runbook.hosts import Host
from runbook.params import HostParams
from runbook.steps import name_of, notebooks
from runbook.watch.condition import Condition

OWN = ("09_management",)
"""Notebooks of which the watch looks itself at what can become wrong."""
_LONGEST = 200


def conditions(params: HostParams, reports: Path, host: Host) -> list[Condition] | None:
    """Return what changed and what a check would find; None without a report to compare with."""
    found = drift.of_now(params, reports, host)
    if found is None:
        return None
    changes, facts = found
    told = [
        Condition(f"drift:{c.kind}:{c.name}", "drift", f"Changed since the last good report: {str(c)[:_LONGEST]}",
                  f"if it is meant, make a new report: `runbook check PARAMS`; else `runbook plan PARAMS` shows the way back of {c.kind}")
        for c in changes
    ]  # fmt: skip
    for notebook, steps in notebooks().items():
        for step in steps if notebook not in OWN else ():
            try:
                findings = [f for f in step.check(params, facts) if f.level in ("fail", "refuse")]
            except RunbookError:
                continue  # the report that it is compared with did not look at this
            told += [
                Condition(f"check:{name_of(step)}:{f.what[:80]}", "drift", f.what[:_LONGEST], f.do or f"`runbook check PARAMS --step {name_of(step)}`")
                for f in findings
            ]  # fmt: skip
    return [one.as_text for one in told]
