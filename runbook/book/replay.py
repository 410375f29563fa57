"""What a book tells a recording, and asks of it: at which step it is, which cell is next, and what was not recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runbook.errors import NotRecorded
from runbook.hosts import Host
from runbook.hosts.captured import CapturedHost
from runbook.hosts.not_recorded import is_author
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recorder import Recorder
from runbook.hosts.recording import asked_for
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.show.steps import summary
from runbook.steps import Step

_OF_PEOPLE = ("approvers", "consent", "notify")
"""Parameters that ask nothing of a host: with others the recording holds the same."""
_NAMED = 3
"""So many parameters are named in a sentence."""
DONE = Plan(note="It was done before: a replay holds each step once.")


def plays(host: Host) -> bool:
    """Return whether a host plays back what was done, and is no machine and no capture."""
    return isinstance(host, RecordedHost)


def meant(host: Host, mode: str) -> str:
    """Return in words what a mode does on such a host."""
    if plays(host):
        return "replays a recorded run; no machine is touched"
    if not host.is_real:
        return "looks at what was captured; no machine is touched"
    return {"plan": "shows and changes nothing", "apply": "changes the host", "check": "only verifies"}[mode]


def begin(host: Host, steps: Mapping[str, Step]) -> None:
    """Tell a recording in which order the steps come that it holds."""
    if isinstance(host, RecordedHost):
        host.in_order(steps)


def at(host: Host, step: str) -> None:
    """Tell a host that is being recorded which step what comes now belongs to."""
    if isinstance(host, Recorder):
        host.at(step)


def unrecorded(host: Host, name: str, step: Step, params: HostParams, facts: Facts, mode: str) -> str:
    """Return in one line that a step was never recorded, or asks more than it did then; '' when it can be played.

    What such a step did then is left out of the replay. Where other parameters than those of the recording are the reason,
    a look goes on to the next step, and what acts ends with the error that the host raises.
    """
    if host.is_real or all(ask in facts for ask in step.asks(params)):
        return ""
    if isinstance(host, CapturedHost):
        return uncaptured_line(host, next(ask for ask in step.asks(params) if ask not in facts))
    if not isinstance(host, RecordedHost):
        return ""
    if host.has(name) and (others := differing(host, params)):
        return "" if mode == "apply" else _beyond(name, others)
    host.leave_out(name)
    return unrecorded_line(name)


def differing(host: RecordedHost, params: HostParams) -> list[str]:
    """Return which parameters are others than those of the recording, such as `dom0.memory_mib`; [] when that is not known."""
    recorded = host.params
    found = [] if recorded is None else _differing(recorded, asked_for(params))
    return [name for name in found if name not in _OF_PEOPLE]


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key in sorted(one.keys() | other.keys()):
        first, second = one.get(key), other.get(key)
        if not above and isinstance(first, dict) and isinstance(second, dict):
            yield from _differing(first, second, f"{key}.")
        # A parameter that was not known then, and is empty, asks nothing.
        elif first != second and (key in one or second):
            yield f"{above}{key}"


def _beyond(what: str, others: Sequence[str]) -> str:
    """Return in one sentence why a recording holds something not."""
    some = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    return f"the recording does not hold {what} as these parameters have it: it was made with another {some}"


@contextmanager
def explained(host: Host, params: HostParams, what: str) -> Iterator[None]:
    """Raise what a recording does not hold as one sentence, where other parameters are the reason; an author sees all of it."""
    try:
        yield
    except NotRecorded as error:
        others = differing(host, params) if isinstance(host, RecordedHost) and not is_author() else []
        if not others:
            raise
        sentence = _beyond(what, others)
        raise NotRecorded(
            f"{sentence[0].upper()}{sentence[1:]}",
            where=host.describe,
            do="give that back its value in the recording (params/example.yml has it), or look at what can be told with `runbook plan`; a machine of your "
            "own, named under `connection`, answers everything",
        ) from error


def shown(host: Host, params: HostParams, what: str, make: Callable[[], Any]) -> Any:
    """Return what `make` shows, and of a replay that does not hold it the sentence that says so: nothing else needs a table."""
    try:
        with explained(host, params, f"the table '{what}'"):
            return make()
    except NotRecorded as error:
        if not plays(host):
            raise
        return summary(error.what, [])


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
                do=f"run the cells from the top (Run ▸ Run All Above Selected Cell), then this one; {host.on_its_own}",
            )


def _has_work(host: RecordedHost, step: Step, params: HostParams) -> bool:
    facts = host.known(step.asks(params))
    if facts is None:
        return False
    planned = step.plan(params, facts)
    return bool(planned.actions or planned.stops)
