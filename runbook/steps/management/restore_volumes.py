"""Restore backups to guests' volumes: each one that is listed, once. What is on the volume is lost."""

from __future__ import annotations

from runbook.backups import names, program
from runbook.backups.sidecar import Sidecar
from runbook.facts import backups, storage
from runbook.facts.backups import Backup, Store
from runbook.facts.storage import Volume
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.management import Restore
from runbook.steps.shared import guest_volumes
from runbook.text.sizes import human_size

TITLE = "Restore guests' volumes"
GUIDE = (
    "“dd”: `gzip -d` deletes the backup to make room for the raw copy, then dd writes it to whatever `of=` says, "
    "without a look at size or use (H812, H813)"
)
RISK: Risk = "destructive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the backups, the volumes with their identity and users, and the program."""
    return (backups.look(params.management.backups.folder), *storage.WITH_GUESTS, *program.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one restore for each listed one that has not been done; refuse whatever could lose more than asked."""
    due = _due(params, facts)
    if not due:
        return Plan(unasked="" if params.management.restores else "management.restores is empty")
    there, store = storage.parse(facts), backups.parse(facts, params.management.backups.folder)
    if stops := guest_volumes.answers(there):
        return Plan(findings=tuple(stops))
    actions, findings = [], []
    for restore in due:
        disk = guest_volumes.first_of(params, restore.guest)
        volume, backup = guest_volumes.volume_of(params, there, disk), store.named(restore.backup)
        said = backup.sidecar if backup else None
        if volume is None:
            findings.append(guest_volumes.absent(params, disk))
        elif backup is None:
            findings.append(_no_such(store, restore))
        elif backup.wrong or said is None:
            findings.append(_damaged(backup))
        elif unfit := [*_unfit(restore, said, volume), *_in_use(volume)]:
            findings += unfit
        else:
            findings.append(_loses(restore, said, volume))
            actions.append(
                program.restore(
                    store.folder, backup.name, restore.guest, volume.path, backup.checksum, restore.again
                )
            )
    return Plan((*program.install(facts), *actions) if actions else (), tuple(findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each listed restore that was not done, and for each that was cut off."""
    store = backups.parse(facts, params.management.backups.folder)
    half = [
        Finding(
            "fail",
            f"The volume of '{guest}' was half overwritten when a restore was cut off",
            "what is on it is neither the old nor the backup",
            "run this step in mode apply again before the guest is started",
            "H813",
        )
        for guest in store.half_restored
        if guest in {g.name for g in params.guests}
    ]
    missing = [
        Finding(
            "fail",
            f"{restore.backup} was not restored to the volume of '{restore.guest}'",
            do="run this step in mode apply, with its consent",
        )
        for restore in _due(params, facts)
    ]
    return [*half, *missing]


def _due(params: HostParams, facts: Facts) -> list[Restore]:
    """Return the listed restores that have not been done to the volume that is there now."""
    store = backups.parse(facts, params.management.backups.folder)
    there = storage.parse(facts).volumes_of(params.storage.guest_volume_group)
    volumes = {v.name: v.uuid for v in there}
    return [r for r in params.management.restores if not _is_done(params, r, store, volumes)]


def _is_done(params: HostParams, restore: Restore, store: Store, volumes: dict[str, str]) -> bool:
    """Return whether a restore was done: the host noted it, for this backup and this very volume.

    What the guest wrote to its volume since does not matter: a restore is done once for each listing.
    """
    done = store.restored_to(restore.guest)
    if done is None or restore.guest in store.half_restored:
        return False
    volume = volumes.get(guest_volumes.first_of(params, restore.guest))
    return (done.name, done.again, done.identity) == (restore.backup, restore.again, volume)


def _no_such(store: Store, restore: Restore) -> Finding:
    mine = [b.name for b in store.of(restore.guest)]
    return Finding(
        "refuse",
        f"There is no backup {restore.backup} in {store.folder}",
        f"of '{restore.guest}' there are: {', '.join(mine) or 'none'}",
        "correct management.restores; `runbook backup list` shows what there is",
    )


def _damaged(backup: Backup) -> Finding:
    return Finding(
        "refuse",
        f"The backup {backup.name} is damaged: {backup.wrong}",
        "half a disk would be written over a whole one",
        "take another backup, or fetch another copy of this one",
        "H815",
    )


def _unfit(restore: Restore, said: Sidecar, volume: Volume) -> list[Finding]:
    """Return why this backup cannot go onto this volume."""
    if said.guest != restore.guest:
        return [
            Finding(
                "refuse",
                f"{said.name} is a backup of '{said.guest}', not of '{restore.guest}'",
                "two guests would have one disk's content: the same identities, keys and addresses",
                "correct management.restores",
                "H813",
            )
        ]
    if volume.size < said.size_bytes:
        return [
            Finding(
                "refuse",
                f"{volume.full_name} is smaller than the backup {said.name}",
                f"it has {human_size(volume.size)} ({volume.size} bytes), the backup is of {said.size_bytes}; "
                "the end of the last partition would be cut off",
                f"make it larger first: `lvextend --size {said.size_bytes}b {volume.full_name}`",
                "H813",
            )
        ]
    return []


def _in_use(volume: Volume) -> list[Finding]:
    """Return a refusal for each user of the volume: even one that only reads would see it change below it."""
    return [
        Finding(
            "refuse",
            f"{volume.full_name} {use.what}",
            "it would be overwritten under what uses it",
            {
                "guest": f"shut it down: {ending.by_hand(use.who)}",
                "mount": f"unmount it (`umount {use.who}`), and take it out of management.mounts meanwhile",
                "loop": f"detach it: `losetup -d {use.who}`",
            }.get(use.kind, f"close what has it open (`lsblk {volume.path}`, `fuser -v {volume.path}`)"),
            "H813",
        )
        for use in volume.uses
    ]


def _loses(restore: Restore, said: Sidecar, volume: Volume) -> Finding:
    return Finding(
        "warn",
        f"All that is on {volume.full_name} now is lost",
        f"'{restore.guest}' goes back to {names.when(said.date)}, when it had {human_size(said.size_bytes)}"
        + (
            " and was running: its first start repairs as after a power cut"
            if said.source == "snapshot"
            else ""
        ),
        "make a backup of it as it is, if anything on it is worth keeping",
        "H813",
    )
