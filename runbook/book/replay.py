"""What a book tells a recording, and asks of it: at which step it is, which cell is next, and what was not recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from runbook.errors import NotRecorded
from runbook.hosts import Host
from runbook.hosts.captured import CapturedHost
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recorder import Recorder
from runbook.hosts.recording import asked_for
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps import Step

DONE = Plan(note="It was done before: a replay holds each step once.")


def plays(host: Host) -> bool:
    """Return whether a host plays back what was done, and is no machine and no capture."""
    return isinstance(host, RecordedHost)


def begin(host: Host, steps: Mapping[str, Step]) -> None:
    """Tell a recording in which order the steps come that it holds."""
    if isinstance(host, RecordedHost):
        host.in_order(steps)


def at(host: Host, step: str) -> None:
    """Tell a host that is being recorded which step what comes now belongs to."""
    if isinstance(host, Recorder):
        host.at(step)


def unrecorded(host: Host, name: str, step: Step, params: HostParams, facts: Facts) -> str:
    """Return in one line that a step was never recorded, or asks more than it did then; '' when it can be played.

    What such a step did then is left out of the replay. Other parameters than those of the recording are no reason: what
    they lead to is the error that the host raises.
    """
    if host.is_real or all(ask in facts for ask in step.asks(params)):
        return ""
    if isinstance(host, CapturedHost):
        return uncaptured_line(host, next(ask for ask in step.asks(params) if ask not in facts))
    if not isinstance(host, RecordedHost):
        return ""
    if host.has(name) and host.params != asked_for(params):
        return ""
    host.leave_out(name)
    return unrecorded_line(name)


def holds(host: Host, name: str) -> bool:
    """Return whether a step can be carried out: on a machine always, on a recorded host when it was recorded."""
    return not isinstance(host, RecordedHost) or host.has(name)


def unrecorded_line(name: str) -> str:
    """Return what to do about a step that no machine was asked for yet."""
    return f"not recorded yet: make record STEP={name}"


def uncaptured_line(host: CapturedHost, ask: Ask) -> str:
    """Return which question of a step a capture does not answer, and how one is made that does."""
    error = host.never_asked(ask)
    return f"not planned. {error.what}; make a fuller one: runbook survey PARAMS --save FOLDER"


def require_order(
    host: Host, steps: Mapping[str, Step], name: str, done: Collection[str], params: HostParams
) -> None:
    """Raise `NotRecorded` when a step before this one, that is not `done`, still has something to do; a real host may.

    A recording holds what was done in the order in which it was done. A step that had nothing to do may be left out.
    """
    if not isinstance(host, RecordedHost):
        return
    for before in list(steps)[: list(steps).index(name)]:
        if before not in done and host.has(before) and _has_work(host, steps[before], params):
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
