"""Agree once to what the host may delete: the backups that the keep rules let go. Never the last good one."""

from __future__ import annotations

from runbook.actions import Action, WriteFile
from runbook.backups import keeping, names, schedule
from runbook.backups.keeping import Known, Rules
from runbook.facts import backups, nights
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.backups import Keep

TITLE = "Agree to the deletion of old backups by rules"
GUIDE = "Not in the guide: one deleted old backups when the disk was full"
RISK: Risk = "destructive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the rules in force and the backups there are, none where no rules are asked for."""
    if not schedule.keep(params):
        return ()
    asked = params.management.backups
    return (
        Ask.read(schedule.KEEP),
        backups.look(asked.folder),
        *nights.COMMANDS,
        nights.calendar(asked.schedule),
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the rules for the host where they are others; say what would go in the coming night."""
    text = schedule.keep(params)
    if not text:
        return Plan(unasked="management.backups.keep is empty")
    actions: list[Action] = (
        [] if facts.text(schedule.KEEP) == text else [WriteFile(schedule.KEEP, text, mode="0600")]
    )
    return Plan(tuple(actions), tuple(_to_go(params, facts)) if actions else ())


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The host has these rules for these guests, and no others."""
    text = schedule.keep(params)
    if not text or facts.text(schedule.KEEP) == text:
        return []
    why = (
        "nothing is deleted as long as nobody agreed"
        if facts.text(schedule.KEEP) is None
        else "what was agreed to are other rules, or other guests: of those that it does not name nothing is deleted"
    )
    return [Finding("fail", "The host does not have the rules of management.backups.keep", why, "run the step expire_backups in mode apply, with its consent")]  # fmt: skip


def _to_go(params: HostParams, facts: Facts) -> list[Finding]:
    asked = params.management.backups
    store, seen = backups.parse(facts, asked.folder), nights.parse(facts)
    moment = max(nights.next_time(facts, asked.schedule), store.now)
    found = [Finding("warn", "From now on the host deletes backups by itself, at each time of management.backups.schedule",
                     "; ".join(_words(place, keep) for place, keep in _rules(params)),
                     "the newest good backup of a guest always stays, and so does the newest that a guest started from")]  # fmt: skip
    for guest in asked.guests if asked.keep else ():
        found += _going(guest, known(store, seen, guest), asked.keep, moment, "backups")
    second = asked.second
    if not second or not second.keep:
        return found
    copies = _copies(seen, second.repository)
    if copies is None:
        found.append(Finding("info", f"What would go from {second.repository} is not known yet", "the host says it after the first night in which it copied backups there"))  # fmt: skip
    for guest in asked.guests if copies is not None else ():
        there = [Known(name, names.seconds(name[-16:])) for name in (copies or {}).get(guest, ())]
        found += _going(guest, there, second.keep, moment, f"copies in {second.repository}")
    return found


def _going(guest: str, there: list[Known], keep: Keep | None, moment: int, what: str) -> list[Finding]:
    """Return what goes once the coming backup, which pushes the others back, is there, too."""
    if keep is None:
        return []
    coming = Known(f"{guest}-{names.date_of(moment)}", moment)
    gone = keeping.dropped([*there, coming], Rules(**keep.model_dump()), moment)
    if not gone:
        return []
    return [Finding("warn", f"Of the {what} of '{guest}' {len(gone)} would go at the next time",
                    ", ".join(gone[:6]) + (f" and {len(gone) - 6} more" if len(gone) > 6 else ""))]  # fmt: skip


def _copies(seen: nights.Nights, repository: str) -> dict[str, list[str]] | None:
    """Return the copies of each guest that the last night left in a second place, None when it does not say."""
    last = seen.make.second or {}
    copies = last.get("there")
    if last.get("repository") != repository or not isinstance(copies, dict):
        return None
    return {str(guest): [*map(str, some)] for guest, some in copies.items() if isinstance(some, list)}


def known(store: backups.Store, seen: nights.Nights, guest: str) -> list[Known]:
    """Return a guest's backups as the rules see them at the next time: what nobody has read yet is read first."""
    return [
        Known(b.name, b.age_of, not b.wrong and b.name not in seen.broken, _booted(seen, b.name))
        for b in store.of(guest)
    ]


def _booted(seen: nights.Nights, name: str) -> bool | None:
    tried = seen.of(name)
    return {"yes": True, "no": False}.get(tried.is_up) if tried else None


def _rules(params: HostParams) -> list[tuple[str, Keep]]:
    asked = params.management.backups
    far = [(asked.second.repository, asked.second.keep)] if asked.second and asked.second.keep else []
    return [*([(asked.folder, asked.keep)] if asked.keep else []), *far]


def _words(place: str, keep: Keep) -> str:
    counts = [f"{count} {word}" for word, count in keep.model_dump().items() if count]
    return f"in {place} stay {', '.join(counts)} of each guest"
