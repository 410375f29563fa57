"""Verify backups: read every byte, compare checksums, restore nothing."""

from __future__ import annotations

from dataclasses import replace

from runbook.backups import program
from runbook.facts import backups
from runbook.facts.backups import Backup, Store
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams

TITLE = "Verify the backups"
GUIDE = "“dd”: a backup was never read again, and a pipe hid that dd had failed (H815, H816)"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the folder of backups, and the program."""
    return (backups.look(params.management.backups.folder), *program.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one verification for each backup that counts and has not been read since it was written."""
    store = backups.parse(facts, params.management.backups.folder)
    asked = params.management
    if not asked.backups.guests and not asked.restores:
        return Plan(unasked="management.backups.guests is empty")
    due = tuple(b.name for b in _that_count(params, store) if not b.is_verified and not b.wrong)
    without = [guest for guest in asked.backups.guests if not store.of(guest)]
    note = f"There is no backup of {', '.join(without)} yet; one that is made is verified." if without else ""
    return replace(plan_for(params, facts, due), note=note)


def plan_for(params: HostParams, facts: Facts, names: tuple[str, ...]) -> Plan:
    """Return the verification of each of some backups, whether they were verified before or not."""
    folder = params.management.backups.folder
    if not names:
        return Plan()
    return Plan((*program.install(facts), *(program.verify(folder, name) for name in names)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each backup that counts and is not verified, and for any that is seen to be damaged."""
    store = backups.parse(facts, params.management.backups.folder)
    unread = [
        Finding(
            "fail",
            f"The backup {backup.name} was not verified since it was written",
            "nobody knows whether it can be read",
            "run this step in mode apply",
            "H815",
        )
        for backup in _that_count(params, store)
        if not backup.is_verified and not backup.wrong
    ]
    return [*unread, *(_damaged(store, b) for b in store.backups if b.wrong)]


def _that_count(params: HostParams, store: Store) -> list[Backup]:
    """Return the newest backup of each listed guest that looks whole, and those that are to be restored."""
    asked = params.management
    newest = [[b for b in store.of(guest) if not b.wrong][-1:] for guest in asked.backups.guests]
    named = [store.named(restore.backup) for restore in asked.restores]
    found = [*(b for some in newest for b in some), *(b for b in named if b)]
    return list({backup.name: backup for backup in found}.values())


def _damaged(store: Store, backup: Backup) -> Finding:
    return Finding(
        "warn",
        f"The backup {backup.name} is damaged: {backup.wrong}",
        "something changed it after it was written; it counts as none",
        f"look at the disk under {store.folder} (`dmesg`, `smartctl`); fetch another copy of it if there is one. "
        "The runbook deletes no backup",
        "H815",
    )
