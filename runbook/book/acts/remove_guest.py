"""Remove a guest for good: its place in the autostart, its configuration, its volumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.actions import Action, Remove, Run
from runbook.book import acts
from runbook.facts import guests, storage, systems
from runbook.facts.storage import Storage, Volume
from runbook.guests import config, system
from runbook.guests.drives import disks_of, target_of
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.guests import set_autostart
from runbook.steps.shared import guest_volumes
from runbook.text.sizes import human_size


@dataclass(frozen=True)
class RemoveGuest:
    """The removal of one guest of the parameters, with all that is on its own volumes."""

    name: str

    TITLE = "Remove a guest, with all that is on its volumes"
    GUIDE = acts.GUIDE
    RISK: Risk = "destructive"
    __name__ = "remove_guest"

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        return (
            *guests.RUNNING,
            *set_autostart.asks(params),
            Ask.read(config.path_of(self.name)),
            *storage.WITH_GUESTS,
            *((systems.NOTES,) if guest_volumes.guest(params, self.name).system else ()),
        )

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the removal in an order in which nothing half is left: its volumes go last.

        The last backup is made before, by the step that makes every other.
        """
        domain, tree = guests.parse(facts).named(self.name), storage.parse(facts)
        found = [acts.still_runs(domain, "removed")] if domain else []
        found += guest_volumes.answers(tree)
        path = config.path_of(self.name)
        actions: list[Action] = []
        actions += [
            action
            for action in set_autostart.plan(self._without(params), facts).actions
            if isinstance(action, Remove) and action.link == f"../{self.name}.cfg"
        ]
        if facts.text(path) is not None:
            actions.append(Remove(path))
        volumes = [] if domain else list(self._volumes(params, tree))
        actions += [_lvremove(volume) for volume in volumes]
        has_system = guest_volumes.guest(params, self.name).system is not None
        if has_system and systems.is_kept(facts, self.name) and not domain:
            kept = f"{system.STATE}/{self.name}"
            actions.append(
                Run(("rm", "-rf", "--", kept), "what the host keeps of its system; a seed holds its host key")
            )
        found += [f for volume in volumes for f in _in_use(volume, tree)]
        return Plan(tuple(actions), (*found, *self._backup(params, facts), *self._stays(params)))

    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        """Neither its configuration nor any volume of its own is there."""
        path, tree = config.path_of(self.name), storage.parse(facts)
        left = [volume.full_name for volume in self._volumes(params, tree)]
        left += [path] if facts.text(path) is not None else []
        return [
            Finding(
                "fail", f"{what} of the guest '{self.name}' is still there", do="see what lvremove(8) said"
            )
            for what in left
        ]

    def _without(self, params: HostParams) -> HostParams:
        return params.model_copy(update={"guests": tuple(g for g in params.guests if g.name != self.name)})

    def _volumes(self, params: HostParams, tree: Storage) -> Iterator[Volume]:
        for wanted in guest_volumes.guest(params, self.name).own_volumes:
            if volume := guest_volumes.volume_of(params, tree, wanted.name):
                yield volume

    def is_backed_up(self, params: HostParams, facts: Facts) -> bool:
        """Return whether a last backup is to be made: the parameters name the guest, and it has a volume."""
        return self.name in params.management.backups.guests and bool(
            list(self._volumes(params, storage.parse(facts)))
        )

    def _backup(self, params: HostParams, facts: Facts) -> tuple[Finding, ...]:
        if self.is_backed_up(params, facts):
            folder = params.management.backups.folder
            what = (
                f"A last backup of '{self.name}' is made and verified in {folder} before anything is removed"
            )
            several = len(guest_volumes.guest(params, self.name).own_volumes) > 1
            why = "it stays there" + ("; of its volumes only the first is in it" if several else "")
            return (Finding("warn" if several else "info", what, why),)
        what = f"No last backup of '{self.name}' is made: it is not under management.backups.guests"
        do = f"to keep what is on it: `runbook backup make PARAMS {self.name}` first"
        return (Finding("warn", what, "what is on its volumes is lost", do),)

    def _stays(self, params: HostParams) -> tuple[Finding, ...]:
        """What it has and what is not its own volume: nobody said that it may go."""
        guest = guest_volumes.guest(params, self.name)
        seeds = f"{system.STATE}/"
        found = (target_of(params, disk) for disk in disks_of(guest) if disk.cd is None and not disk.is_own)
        others = [target for target in found if not target.startswith(seeds)]
        if not others:
            return ()
        return (
            Finding(
                "info", f"Stays: {', '.join(others)}", "only volumes of the guests' group that are its own go"
            ),
        )


def _lvremove(volume: Volume) -> Run:
    argv = ("lvremove", "--yes", volume.full_name)
    return Run(argv, f"{human_size(volume.size)}, and all that is on it", timeout_s=300)


def _in_use(volume: Volume, tree: Storage) -> Iterator[Finding]:
    for use in volume.uses:
        yield Finding(
            "refuse",
            f"{volume.full_name} {use.what}",
            "it would be removed under what uses it",
            f"unmount it (`umount {use.who}`)"
            if use.kind == "mount"
            else f"see `lsblk {volume.path}`, and close what has it open",
        )
    for snapshot in tree.volumes:
        if snapshot.origin == volume.name and snapshot.group == volume.group:
            yield Finding(
                "refuse",
                f"{snapshot.full_name} is a snapshot of {volume.full_name}, and would go with it",
                do=f"take it out of management.snapshots and run remove_snapshots, or `lvremove {snapshot.full_name}`",
            )
