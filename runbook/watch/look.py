"""One look at a host: ask, decide what is news, tell, write down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from runbook.engine import finished
from runbook.errors import HostError, UnreadableAnswer
from runbook.evidence import archive
from runbook.hosts import Host
from runbook.model.unreadable import reading
from runbook.params import HostParams
from runbook.watch import drifting, kept, news, told, topics
from runbook.watch.condition import Condition, Look
from runbook.watch.news import Message, State


@dataclass(frozen=True)
class Seen:
    """What came of one look."""

    state: State
    look: Look
    message: Message | None
    untold: tuple[str, ...] = ()
    """What could not be told, and why."""

    @property
    def is_well(self) -> bool:
        """True when nothing that is looked at is amiss."""
        return not self.state.active


def watch(params: HostParams, reports: Path, moment: int, *, is_full: bool = True) -> Seen:
    """Look at one host, tell what is news, and keep it. A replay and a capture are looked at, and nothing is kept or told.

    Raises `RunbookError` for what stands in the way of looking on this side: parameters, consent, a folder that cannot
    be written. A host that does not answer is no error: that is what is told.
    """
    place = reports / params.host
    is_real = params.connection.kind not in ("recorded", "capture")
    state, waiting = kept.load(place, params.host) if is_real else (State(params.host), [])
    is_due = (
        is_real and is_full and params.watch.drift_h and moment - state.drifted >= params.watch.drift_h * 3600
    )
    look, was_full = _look(params, reports, state, moment, is_due=bool(is_due))
    after, message = news.follow(state, look)
    if not is_real:
        return Seen(after, look, message)
    after = replace(after, drifted=moment if was_full else state.drifted)
    left, untold = told.tell(params, message, waiting)
    # Kept after it was told: who is killed between the two tells it once more rather than never.
    kept.keep(place, after, left)
    if message or after.unknown != state.unknown or not state.looked:
        archive.refresh(reports, params.host)
    if not untold and (silence := told.beat(params)):
        untold = (silence,)
    return Seen(after, look, message, untold)


def _look(params: HostParams, reports: Path, state: State, moment: int, *, is_due: bool) -> tuple[Look, bool]:
    try:
        host = finished.reach(params, "watch")
        try:
            facts = host.gather(topics.asks(params, is_full=is_due))
            look = topics.read(params, facts, state.keys, moment, is_full=is_due)
            drift, why = _drift(params, reports, host) if is_due else (None, "")
        finally:
            host.close()
    except HostError as error:
        return topics.unreached(params, error, moment), False
    if why:
        return replace(look, unknown=(*look.unknown, ("drift", why))), True
    if drift is None:
        return look, is_due
    known = look.known | {"drift"}
    return replace(look, known=known, conditions=(*look.conditions, *drift)), True


def _drift(params: HostParams, reports: Path, host: Host) -> tuple[list[Condition] | None, str]:
    """Return what changed since the last good report, and why that is not known: what of the host cannot be understood
    and what here cannot be read keep nothing else from being told. Raises `HostError` when the host is gone.
    """
    try:
        with reading():
            return drifting.conditions(params, reports, host), ""
    except UnreadableAnswer as error:
        return None, error.what
    except OSError as error:
        return None, f"a report cannot be read: {error}"
