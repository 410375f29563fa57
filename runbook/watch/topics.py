"""What a look consists of: the topics, their questions, and how each is read on its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from runbook.errors import RunbookError
from runbook.facts import (
    backups,
    fullness,
    guests,
    nights,
    raid,
    sensors,
    services,
    smart,
    storage,
    waiting_updates,
)
from runbook.model.ask import Ask, Facts
from runbook.model.unreadable import reading
from runbook.params import HostParams
from runbook.params.host import Stored
from runbook.watch import guests as of_guests
from runbook.watch import machine, updates
from runbook.watch.condition import Condition, Gauge, Look

Reader = Callable[[HostParams, Facts, frozenset[str]], machine.Found]


def asks(params: HostParams, *, is_full: bool = False) -> tuple[Ask, ...]:
    """Return the questions of one look, which travel in one round trip."""
    return tuple(
        dict.fromkeys(ask for _, questions, _ in topics(params, 0, is_full=is_full) for ask in questions)
    )


def topics(params: HostParams, moment: int, *, is_full: bool) -> list[tuple[str, tuple[Ask, ...], Reader]]:
    """Return each topic with its questions and its reader; backups only where some are asked for, updates only now and then."""
    folder = backups.look(params.management.backups.folder)
    found: list[tuple[str, tuple[Ask, ...], Reader]] = [
        ("guests", guests.RUNNING, of_guests.guests),
        ("raid", raid.COMMANDS, machine.arrays),
        ("disks", smart.COMMANDS, machine.disks),
        ("room", fullness.COMMANDS, machine.room),
        ("volumes", storage.COMMANDS, machine.volumes),
        ("services", (services.FAILED, *services.commands(services.XEN_WATCHDOG)), machine.units),
        ("warmth", (*sensors.COMMANDS, *smart.COMMANDS), machine.warmth),
        ("checks", sensors.COMMANDS, machine.checks),
    ]
    if not isinstance(params.connection, Stored):  # what a machine said once has the time of then
        found.append(("clock", (folder,), partial(of_guests.clock, moment=moment)))
    if params.management.backups.guests:
        found.append(("backups", (folder, *nights.COMMANDS), of_guests.saved))
    if is_full:
        found.append(("updates", waiting_updates.COMMANDS, updates.waiting))
    return found


def possible(params: HostParams) -> frozenset[str]:
    """Return the topics that a look at this host may have, as its parameters are; some are looked at only now and then."""
    is_full = bool(params.watch.drift_h)
    found = {topic for topic, _, _ in topics(params, 0, is_full=is_full)}
    return frozenset({*found, "reach", *(("drift",) if is_full else ())})


def read(
    params: HostParams, facts: Facts, active: frozenset[str], moment: int, *, is_full: bool = False
) -> Look:
    """Return what a look found. A topic whose questions have no answer, or none that can be read, is not known."""
    known, unknown = ["reach"], list[tuple[str, str]]()
    found: list[Condition | Gauge] = []
    for topic, questions, reader in topics(params, moment, is_full=is_full):
        if silent := _silent(facts, questions):
            unknown.append((topic, silent))
            continue
        try:
            with reading():
                found += list(reader(params, facts, active))
            known.append(topic)
        except RunbookError as error:
            unknown.append((topic, error.what))
    texts = [c.as_text for c in found if isinstance(c, Condition)]
    return Look(
        params.host,
        moment,
        frozenset(known),
        tuple({c.key: c for c in texts}.values()),
        tuple(g for g in found if isinstance(g, Gauge)),
        possible(params) | {*known},
        tuple(unknown),
    )


def unreached(params: HostParams, error: RunbookError, moment: int) -> Look:
    """Return the look at a host that does not answer: of all else nothing is known."""
    do = error.do or "look at the machine itself: its power, its network, its screen"
    silence = Condition("reach", "reach", f"The host cannot be looked at: {error.what}", do)
    return Look(params.host, moment, frozenset({"reach"}), (silence.as_text,), possible=possible(params))


def _silent(facts: Facts, questions: tuple[Ask, ...]) -> str:
    """Return why a topic is not known, '' when it can be read."""
    if any(ask not in facts for ask in questions):
        return "the host was never asked"
    if questions[0] in smart.COMMANDS and facts[questions[0]].status == 127:
        return "smartctl is not installed (package smartmontools)"
    return ""
