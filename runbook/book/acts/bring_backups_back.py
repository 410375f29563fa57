"""Bring a backup back: from the second place into the folder, or beside the original onto a volume of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass

from runbook.actions import Action, Run
from runbook.actions.volumes import TAG, removal
from runbook.backups import names, program, schedule
from runbook.facts import backups, storage
from runbook.facts.backups import Backup
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_volumes
from runbook.survey import volume_groups
from runbook.text.sizes import human_size

GUIDE = "Not in the guide: its backups lay on the disk that they were a backup of"


@dataclass(frozen=True)
class FetchBackup:
    """The fetching of one backup from the second place into the folder of backups."""

    name: str

    TITLE = "Fetch a backup from the second place"
    GUIDE = GUIDE
    RISK: Risk = "safe"
    __name__ = "fetch_backup"

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        return (backups.look(params.management.backups.folder), Ask.read(schedule.CONFIG))

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the fetching; nothing where it is there already."""
        settings = params.management.backups
        if backups.parse(facts, settings.folder).named(self.name):
            return Plan()
        if not settings.second or not _is_told(params, facts):
            why = (
                "it was told of another one or another folder, or of none"
                if settings.second
                else "management.backups.second is empty"
            )
            return Plan(findings=(Finding("refuse", "The host does not know the second place", why, "run the step schedule_backups of 09_management in mode apply first"),))  # fmt: skip
        argv = (
            "env",
            f"PYTHONPATH={schedule.PYTHON}",
            "/usr/bin/python3",
            "-m",
            "runbook.backups.night",
            "fetch",
            self.name,
        )
        why = f"unpacks the copy in {settings.second.repository} into {settings.folder}; nobody has verified it then"
        return Plan((Run(argv, why, program.TIMEOUT_S),))

    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        """It is there, and whole at a glance."""
        return _missing(backups.parse(facts, params.management.backups.folder).named(self.name), self.name)


@dataclass(frozen=True)
class RestoreBeside:
    """The restoring of one backup to a new volume; the guest, its volume and its notes are left alone."""

    name: str
    volume: str
    """The name of the new volume in the guests' group."""

    TITLE = "Restore a backup beside the original"
    GUIDE = GUIDE
    RISK: Risk = "safe"
    __name__ = "restore_beside"

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        return (backups.look(params.management.backups.folder), *storage.WITH_GUESTS, *program.COMMANDS)

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the making of the volume and the restoring; refuse a volume that is there, and one without room."""
        group = params.storage.guest_volume_group
        tree = storage.parse(facts)
        store = backups.parse(facts, params.management.backups.folder)
        backup = store.named(self.name)
        if stops := (*guest_volumes.answers(tree), *_missing(backup, self.name)):
            return Plan(findings=tuple(stops))
        size = backup.sidecar.size_bytes if backup and backup.sidecar else 0
        kept = backup.sidecar.kept_bytes if backup and backup.sidecar else 0
        if refusal := self._unfit(params, tree, size, kept):
            return Plan(findings=(refusal,))
        pool = self._pool(params, tree)
        how = ("--virtualsize", f"{size}b", "--thinpool", pool.name) if pool else ("--wipesignatures", "y", "--size", f"{size}b")  # fmt: skip
        create = ("lvcreate", "--yes", "--addtag", TAG, *how, "--name", self.volume, group)
        path = guest_volumes.path_of(params, self.volume)
        actions: list[Action] = [
            *program.install(facts),
            Run(create, "a volume of its own; the original stays as it is", undo=removal(group, self.volume)),
            Run(
                (program.PROGRAM, "beside", store.folder, self.name, path),
                "then reads it again and compares",
                3 * program.TIMEOUT_S,
            ),
        ]
        return Plan(tuple(actions), note=f"When you are done with it: lvremove {group}/{self.volume}")

    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        """The volume is there."""
        if guest_volumes.volume_of(params, storage.parse(facts), self.volume):
            return []
        return [
            Finding(
                "fail", f"There is no volume {self.volume} after the restoring", do="read what lvcreate said"
            )
        ]

    def _unfit(self, params: HostParams, tree: storage.Storage, size: int, kept: int) -> Finding | None:
        name = params.storage.guest_volume_group
        if guest_volumes.volume_of(params, tree, self.volume):
            return Finding(
                "refuse",
                f"The volume {self.volume} is there already",
                "what is on it would be lost",
                "give another name, or remove it yourself",
            )
        group, pool = tree.group(name), self._pool(params, tree)
        room = volume_groups.pool_room(pool) if pool else group.free if group else 0
        # A thin volume takes from its pool what is written to it, and no more is written than was kept.
        if room < (need := kept if pool else size):
            where = f"thin pool {pool.full_name}" if pool else f"volume group {name}"
            return Finding("refuse", f"The volume {self.volume} has no room in the {where}", f"{human_size(need)} are needed, {human_size(room)} are free",
                           "remove what is not needed any more, or add a disk (`vgextend`)", "lvcreate(8)")  # fmt: skip
        return None

    def _pool(self, params: HostParams, tree: storage.Storage) -> storage.Volume | None:
        """Return the thin pool that the guest's own volume was made in, where it is there."""
        guest = next(
            (g for g in params.guests if g.name == names.guest_of(self.name) and g.own_volumes), None
        )
        wanted = guest.own_volumes[0].thin_pool if guest else None
        pools = volume_groups.pools(tree, params.storage.guest_volume_group) if wanted else ()
        return next((pool for pool in pools if pool.name == wanted), None)


def _is_told(params: HostParams, facts: Facts) -> bool:
    """Return whether the host has this second place and this folder; of what else it does nothing depends here."""
    try:
        told = json.loads(facts.text(schedule.CONFIG) or "{}")
    except ValueError:
        return False
    second = told.get("second") or {}
    wanted = schedule.second(params) or {}
    place = [(one.get("repository"), one.get("key")) for one in (second, wanted)]
    return told.get("folder") == params.management.backups.folder and place[0] == place[1]


def _missing(backup: Backup | None, name: str) -> list[Finding]:
    if backup is None:
        return [Finding("refuse", f"There is no backup {name} on the host", do="`runbook backup list` shows what there is; `runbook backup fetch` brings one from the second place")]  # fmt: skip
    if backup.wrong:
        return [Finding("refuse", f"The backup {name} is damaged: {backup.wrong}", do="take another one")]
    return []
