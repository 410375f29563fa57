"""Back up guests' volumes: a new backup for each listed guest whose newest is too old. Deletes none."""

from __future__ import annotations

from runbook.backups import program
from runbook.facts import backups, storage
from runbook.facts.backups import Store
from runbook.facts.storage import Storage, Volume
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_volumes, left_out
from runbook.text.sizes import human_size

TITLE = "Back up guests' volumes"
GUIDE = (
    "“dd”: it copied the disk of whatever ran on it, then packed it with `gzip -9`, which needs the room twice "
    "and leaves no copy when it fails; no checksum, no record of what it was (H810–H812, H814–H816)"
)
RISK: Risk = "safe"

SNAPSHOT_PERCENT = 5
"""Less free room than this, of the volume's size, is too little to hold what a guest writes meanwhile."""


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the folder of backups, the volumes and their users, and the program."""
    folder = params.management.backups.folder
    return (backups.look(folder), *storage.WITH_GUESTS, *program.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one backup for each listed guest that has none that is young enough and whole."""
    store = backups.parse(facts, params.management.backups.folder)
    due = tuple(g for g in params.management.backups.guests if not _is_fresh(params, store, g))
    return plan_for(params, facts, due)


def plan_for(params: HostParams, facts: Facts, guests: tuple[str, ...]) -> Plan:
    """Return a new backup of each of some guests, whatever backups there are."""
    asked = params.management.backups
    if not guests:
        return Plan(unasked="" if asked.guests else "management.backups.guests is empty")
    there, store = storage.parse(facts), backups.parse(facts, asked.folder)
    findings = [*guest_volumes.answers(there), *_no_programs(params, store)]
    if any(f.level == "refuse" for f in findings):
        return Plan(findings=tuple(findings))
    actions = []
    for name in guests:
        disk = guest_volumes.first_of(params, name)
        volume = guest_volumes.volume_of(params, there, disk)
        if volume is None:
            findings.append(guest_volumes.absent(params, disk))
        else:
            findings += _in_use(params, name, volume, there)
            findings += _room(store, name)
        path = volume.path if volume else guest_volumes.path_of(params, disk)
        actions.append(program.make(name, path, asked.folder, asked.content, asked.source))
    findings += left_out.notes(params, guests)
    return Plan((*program.install(facts), *actions), tuple(dict.fromkeys(findings)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each listed guest without a good backup, and for what a cut-off run left."""
    asked = params.management.backups
    store = backups.parse(facts, asked.folder)
    found = [
        Finding(
            "fail",
            f"There is no backup of '{guest}' that is younger than {asked.max_age_h} h",
            _newest(store, guest),
            "run this step in mode apply, and read what the backup said",
            "H815",
        )
        for guest in asked.guests
        if not _is_fresh(params, store, guest)
    ]
    return [*found, *(_torn(store) if asked.guests else []), *_notes(params, store)]


def _is_fresh(params: HostParams, store: Store, guest: str) -> bool:
    asked = params.management.backups
    since = store.now - asked.max_age_h * 3600
    return any(
        b.age_of >= since and not b.wrong and b.sidecar and b.sidecar.content == asked.content
        for b in store.of(guest)
    )


def _newest(store: Store, guest: str) -> str:
    mine = store.of(guest)
    if not mine:
        return f"{store.folder} has none at all"
    return f"the newest is {mine[-1].name}" + (f", and {mine[-1].wrong}" if mine[-1].wrong else "")


def _no_programs(params: HostParams, store: Store) -> list[Finding]:
    """Return a finding when what packs, or what reads used blocks, is missing."""
    missing = [
        p for p in store.missing_programs if p == "zstd" or params.management.backups.content != "whole"
    ]
    if not missing:
        return []
    return [
        Finding(
            "wait",
            f"{' and '.join(missing)} cannot be found on the host",
            "a backup cannot be made without",
            "run the step install_tools of this notebook",
            after="install_tools",
        )
    ]


def _in_use(params: HostParams, guest: str, volume: Volume, there: Storage) -> list[Finding]:
    """Return why a volume cannot be copied now, or with what caution it is."""
    guests = [use for use in volume.uses if use.kind == "guest"]
    if guests and params.management.backups.source == "snapshot":
        return _from_snapshot(there, guest, volume)
    return [
        Finding(
            "refuse",
            f"{volume.full_name} {use.what}",
            "what is read while it is written is a mixture of before and after, and no backup",
            {
                "guest": f"shut it down ({ending.by_hand(use.who)}), or set management.backups.source: snapshot",
                "mount": f"unmount it: `umount {use.who}`",
                "swap": f"give the volume of '{guest}' another name: this one is the host's own",
            }.get(use.kind, f"close what has it open (`lsblk {volume.path}`, `fuser -v {volume.path}`)"),
            "H810",
        )
        for use in volume.uses
        if use.may_write
    ]


def _from_snapshot(there: Storage, guest: str, volume: Volume) -> list[Finding]:
    group = there.group(volume.group)
    need = volume.size * SNAPSHOT_PERCENT // 100
    if group and group.free < need:
        return [
            Finding(
                "refuse",
                f"The volume group '{group.name}' has no room for a snapshot of {volume.full_name}",
                f"{human_size(group.free)} are free; {human_size(need)} at least are needed for what '{guest}' writes meanwhile",
                f"shut '{guest}' down for the backup, or add a disk: `vgextend {group.name} /dev/…`",
                "lvcreate(8)",
            )
        ]
    return [
        Finding(
            "info",
            f"'{guest}' runs: its backup will be as after a power cut at that moment",
            "a snapshot freezes the disk, not what the guest still holds in memory",
            "for one that needs no repair after a restore, shut the guest down first",
        )
    ]


def _room(store: Store, guest: str) -> list[Finding]:
    """Return a finding when not even the guest's last backup would fit; the program reckons it exactly."""
    sizes = [b.bytes_there for b in store.of(guest) if b.bytes_there and not b.wrong]
    if not sizes or sizes[-1] <= store.free_bytes:
        return []
    return [
        Finding(
            "refuse",
            f"{store.folder} has too little room for a backup of '{guest}'",
            f"{human_size(store.free_bytes)} are free; its last backup has {human_size(sizes[-1])}",
            "move old backups to another disk: the runbook never deletes one",
            "H811",
        )
    ]


def _torn(store: Store) -> list[Finding]:
    return [
        Finding(
            "warn",
            f"{store.folder}/{name} was left behind by a backup that was cut off",
            "it is not a backup",
            "the next backup removes it",
        )
        for name in store.torn
    ]


def _notes(params: HostParams, store: Store) -> list[Finding]:
    """Return a note for each partition of a newest backup that had to be kept whole."""
    found = []
    for guest in params.management.backups.guests:
        good = [b.sidecar for b in store.of(guest) if b.sidecar and not b.wrong]
        for part in good[-1].kept_whole if good else ():
            what = f"Partition {part.number}" if part.number else "The volume"
            found.append(
                Finding("info", f"{what} of '{guest}' was kept whole, all {human_size(part.size)}", part.why)
            )
    return found
