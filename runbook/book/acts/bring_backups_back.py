"""Bring a backup back: from the second place into the folder, or beside the original onto a volume of its own."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.actions import Action, Run
from runbook.actions.volumes import TAG, removal
from runbook.backups import program, schedule
from runbook.facts import backups, storage
from runbook.facts.backups import Backup
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_volumes
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
        config = Ask.read(schedule.CONFIG)
        return (
            backups.look(params.management.backups.folder),
            config,
            *map(Ask.read, schedule.programs()),
            *program.COMMANDS,
        )

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the fetching; nothing where it is there already."""
        settings = params.management.backups
        if backups.parse(facts, settings.folder).named(self.name):
            return Plan()
        if not settings.second or facts.text(schedule.CONFIG) != schedule.config(params):
            why = (
                "management.backups.second is empty"
                if not settings.second
                else "the host has another configuration of it, or none"
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
        why = f"reads it from {settings.second.repository}; verify and restore it then as any other"
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
        if refusal := self._unfit(params, tree, size):
            return Plan(findings=(refusal,))
        create = (
            "lvcreate",
            "--yes",
            "--wipesignatures",
            "y",
            "--addtag",
            TAG,
            "--name",
            self.volume,
            "--size",
            f"{size}b",
            group,
        )
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

    def _unfit(self, params: HostParams, tree: storage.Storage, size: int) -> Finding | None:
        group = tree.group(params.storage.guest_volume_group)
        if guest_volumes.volume_of(params, tree, self.volume):
            return Finding(
                "refuse",
                f"The volume {self.volume} is there already",
                "what is on it would be lost",
                "give another name, or remove it yourself",
            )
        if group is None or group.free < size:
            free = human_size(group.free) if group else "nothing"
            return Finding("refuse", f"The volume group {params.storage.guest_volume_group} has no room for {self.volume}",
                           f"{human_size(size)} are needed, {free} is free", "remove what is not needed any more, or add a disk (`vgextend`)", "lvcreate(8)")  # fmt: skip
        return None


def _missing(backup: Backup | None, name: str) -> list[Finding]:
    if backup is None:
        return [Finding("refuse", f"There is no backup {name} on the host", do="`runbook backup list` shows what there is; `runbook backup fetch` brings one from the second place")]  # fmt: skip
    if backup.wrong:
        return [Finding("refuse", f"The backup {name} is damaged: {backup.wrong}", do="take another one")]
    return []
