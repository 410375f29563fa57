"""What waits to be installed, above all of what the next boot and the guests stand on, and which faults it mends."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import packages, waiting_updates
from runbook.facts.packages import Packages
from runbook.facts.waiting_updates import KINDS, Changes, Update, Waiting
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, upgrades
from runbook.text.plural import plural

TITLE = "List the updates that wait"
GUIDE = "The template: an unattended upgrade of everything, by night (H304, H308)"
RISK = "safe"

_NEAR = ("hypervisor", "tools", "kernel", "device model", "microcode", "guests' firmware")
"""Through a fault in these a guest gets at its neighbours, or at dom0."""
_SOME = 8


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*waiting_updates.COMMANDS, *waiting_updates.CHANGELOGS, *packages.STATE)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Fetch the package lists where an upgrade was asked for and they are older than a day; else change nothing.

    It says what waits, for nobody reads a check before an upgrade.
    """
    now = packages.state(facts)
    told = upgrades.told(check(params, facts))
    if not upgrades.is_asked(params) or now.has_fresh_lists:
        return Plan(findings=told)
    why = "they are older than a day" if now.lists else "this host has none yet"
    return Plan((Run(apt.UPDATE, why, timeout_s=900),), (*apt.obstacles(now), *told))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Each thing that waits, with its versions, the advisories that its changelog names, and since when it waits."""
    waiting = waiting_updates.parse(facts)
    if waiting.error:
        why, do = waiting.error, "run `apt-get -s dist-upgrade` on the host and correct what it names"
        return [Finding("warn", "apt cannot say what waits", why, do, "apt-get(8)")]
    found = [_told(params, kind, waiting.of(kind), waiting) for kind, _ in KINDS if waiting.of(kind)]
    others = [update for update in waiting.updates if not update.kind]
    return [*_old_lists(params, packages.state(facts)), *found, *_others(others), *_held(waiting)]


def _old_lists(params: HostParams, now: Packages) -> list[Finding]:
    """Return that more may wait than apt knows of. No list at all says nothing; an old one may be a day's delay."""
    do = "run `apt-get update` on the host; `configuration.updates: security` has it done every day"
    if not now.lists:
        what, why = (
            "Nobody can say what waits: apt has no package lists",
            "they were never fetched, or removed",
        )
        return [Finding(upgrades.level(params), what, why, do, "apt-get(8), update")]
    if now.lists_are_fresh:
        return []
    what, why = "More may wait than is listed here", "apt's package lists are older than a day"
    return [Finding("warn", what, why, do, "apt-get(8), update")]


def _told(params: HostParams, kind: str, updates: tuple[Update, ...], waiting: Waiting) -> Finding:
    first = next((u for u in updates if u.old), updates[0])
    changes = next((waiting.changes[u.name] for u in updates if u.name in waiting.changes), Changes(False))
    is_near = kind in _NEAR and (changes.fixes or any(u.is_security for u in updates))
    from_to = f"{first.old} → {first.new}" if first.old else first.new
    what = f"A new {kind} waits: {first.name} {from_to}" + (
        f", since {changes.since}" if changes.since else ""
    )
    return Finding(
        upgrades.level(params) if is_near else "info",
        what,
        _why(changes, is_security=any(u.is_security for u in updates)),
        "read the plan, then let it be tried once, with a way back: runbook upgrade PARAMS --apply",
        "apt-get(8), dist-upgrade",
    )


def _why(changes: Changes, *, is_security: bool) -> str:
    origin = "it comes from the archive of security updates; " if is_security else ""
    if not changes.is_known:
        return f"{origin}which faults it mends is not known: apt got no changelog, or none in time"
    if not changes.fixes:
        return f"{origin}its changelog names no advisory"
    some, more = changes.fixes[:_SOME], len(changes.fixes) - _SOME
    return f"{origin}it mends {', '.join(some)}" + (f" and {more} more" if more > 0 else "")


def _others(others: list[Update]) -> list[Finding]:
    if not others:
        return []
    security = sum(update.is_security for update in others)
    what = f"{plural(len(others), 'other package')} can be upgraded" + (
        f", {security} of them for security" if security else ""
    )
    do = "they come with the next upgrade; `configuration.updates: security` installs the security ones by night"
    return [Finding("info", what, "neither the next boot nor a guest stands on them directly", do)]


def _held(waiting: Waiting) -> list[Finding]:
    names = [n for n in waiting.held if Update(n, "", "", is_security=False).kind]
    if not names:
        return []
    what = f"On hold, and never upgraded: {', '.join(names)}"
    do = f"`apt-mark unhold {' '.join(names)}` on the host, when the reason for it is gone"
    return [
        Finding(
            "warn", what, "somebody put it on hold; what waits for it is not listed above", do, "apt-mark(8)"
        )
    ]
