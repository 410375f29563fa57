"""A replay goes in order: which cell is next, when one is run before its turn."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from runbook.errors import NotRecorded
from runbook.hosts import Host
from runbook.hosts.recorded import RecordedHost
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps import Step

DONE = Plan(note="It was done before: a replay holds each step once.")


def require_order(
    host: Host, steps: Mapping[str, Step], name: str, done: Collection[str], params: HostParams
) -> None:
    """Raise `NotRecorded` when a step before this one, that is not `done`, still has something to do; a real host may.

    A recording holds what was done in the order in which it was done. A step that had nothing to do may be left out.
    """
    if not isinstance(host, RecordedHost):
        return
    for before in list(steps)[: list(steps).index(name)]:
        if before not in done and _has_work(host, steps[before], params):
            cell = f"apply-{before.replace('_', '-')}"
            raise NotRecorded(
                f"A replay goes in order, and {name} is not next: next is the cell {cell}",
                where=host.describe,
                why=f"what {before} did comes before it in the recording",
                do="run the cells from the top (Run ▸ Run All Above Selected Cell), then this one",
            )


def _has_work(host: RecordedHost, step: Step, params: HostParams) -> bool:
    facts = host.known(step.asks(params))
    if facts is None:
        return False
    planned = step.plan(params, facts)
    return bool(planned.actions or planned.stops)
