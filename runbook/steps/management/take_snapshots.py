"""Freeze a view of guests' volumes: the guest goes on writing, the snapshot stays as it was."""

from __future__ import annotations

from runbook.actions import Run
from runbook.actions.volumes import TAG, removal
from runbook.facts import storage
from runbook.facts.storage import GIB, Group, Storage, Volume
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.management import Snapshot
from runbook.steps.shared import guest_volumes, snapshots
from runbook.text.sizes import human_size

TITLE = "Take snapshots of guests' volumes"
GUIDE = "“dd”: it copied the disk of whatever ran on it (H810); a snapshot is what such a copy needs"
RISK: Risk = "safe"

NEARLY_FULL_PERCENT = 80


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions which volumes there are, who uses them, and how much room the group has."""
    return storage.WITH_GUESTS


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one `lvcreate --snapshot` for each listed snapshot that does not exist."""
    listed = params.management.snapshots
    if not listed:
        return Plan(unasked="management.snapshots is empty")
    there = storage.parse(facts)
    stops = guest_volumes.answers(there)
    if any(f.level == "refuse" for f in stops):
        return Plan(findings=tuple(stops))
    missing = [s for s in listed if snapshots.of(params, there, s) is None]
    disks = {
        s: guest_volumes.volume_of(params, there, guest_volumes.first_of(params, s.guest)) for s in missing
    }
    absent = [
        guest_volumes.absent(params, guest_volumes.first_of(params, s.guest)) for s in missing if not disks[s]
    ]
    group = there.group(params.storage.guest_volume_group)
    room = _too_little(group, missing) if group else []
    actions = tuple(_take(params, snapshot) for snapshot in disks)
    return Plan(actions, (*(stops or absent), *room, *_unfit(params, there), *_while_running(disks)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each snapshot that is missing, lost, or of something else; a warning when it fills."""
    there = storage.parse(facts)
    missing = [
        Finding(
            "fail",
            f"The snapshot {params.storage.guest_volume_group}/{snapshot.name} does not exist",
            "it is listed under management.snapshots",
            "run this step in mode apply, and read what lvcreate said",
        )
        for snapshot in params.management.snapshots
        if snapshots.of(params, there, snapshot) is None
    ]
    return [*guest_volumes.answers(there), *missing, *_unfit(params, there)]


def _take(params: HostParams, snapshot: Snapshot) -> Run:
    group, disk = params.storage.guest_volume_group, guest_volumes.first_of(params, snapshot.guest)
    return Run(
        (
            *(
                "lvcreate",
                "--yes",
                "--snapshot",
                "--addtag",
                TAG,
                "--size",
                f"{snapshot.size_gib}g",
            ),
            *("--name", snapshot.name, f"{group}/{disk}"),
        ),
        f"the disk of '{snapshot.guest}' as it is at this moment, with room for {snapshot.size_gib} GiB of changes",
        undo=removal(group, snapshot.name),
    )


def _too_little(group: Group, missing: list[Snapshot]) -> list[Finding]:
    need = sum(group.rounded(s.size_gib * GIB) for s in missing)
    if need <= group.free:
        return []
    return [
        Finding(
            "refuse",
            f"The volume group '{group.name}' has no room for the snapshots",
            f"{', '.join(s.name for s in missing)} need {human_size(need)}, {human_size(group.free)} are free; a snapshot "
            "takes its room from the same group",
            f"give it less (`size_gib`), or add a disk: `vgextend {group.name} /dev/…`",
            "lvcreate(8)",
        )
    ]


def _unfit(params: HostParams, there: Storage) -> list[Finding]:
    """Return what is wrong with the volumes that have a listed snapshot's name."""
    found = []
    for snapshot in params.management.snapshots:
        volume = snapshots.of(params, there, snapshot)
        if volume is None:
            continue
        if not snapshots.is_right(params, snapshot, volume):
            what = f"a snapshot of {volume.group}/{volume.origin}" if volume.origin else "an ordinary volume"
            found.append(
                Finding(
                    "refuse",
                    f"{volume.full_name} is {what}, not a snapshot of the disk of '{snapshot.guest}'",
                    "it may hold something that you need, so it is left as it is",
                    "choose another name under management.snapshots",
                )
            )
        elif snapshots.is_lost(volume):
            found.append(
                Finding(
                    "refuse",
                    f"The snapshot {volume.full_name} is lost",
                    "the guest changed more than the snapshot had room for, and LVM gave it up",
                    "take it out of management.snapshots and run, which removes it; then list it again, larger",
                    "lvs(8), state I",
                )
            )
        elif (volume.data_percent or 0) >= NEARLY_FULL_PERCENT:
            found.append(
                Finding(
                    "warn",
                    f"The snapshot {volume.full_name} is {volume.data_percent:.0f} % full",
                    "at 100 % it is lost",
                    f"finish with it and take it off the list, or give it room: `lvextend -L +1g {volume.full_name}`",
                    "lvs(8)",
                )
            )
    return found


def _while_running(disks: dict[Snapshot, Volume | None]) -> list[Finding]:
    """Return a note for each snapshot of a running guest: it holds what a pulled plug would leave."""
    return [
        Finding(
            "info",
            f"'{snapshot.guest}' is running: its snapshot holds what the disk holds at this moment",
            "what the guest has in memory and not yet written is missing, as after a power failure",
            "for a clean one, shut the guest down first",
        )
        for snapshot, disk in disks.items()
        if disk and any(use.kind == "guest" for use in disk.uses)
    ]
