"""Make guests' volumes as large as the parameters say. Nothing is ever made smaller."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import storage
from runbook.facts.storage import GIB, Group, Storage, Volume, inside
from runbook.facts.storage.tables import Table
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.guests import Volume as Wanted
from runbook.steps.shared import guest_volumes
from runbook.text.sizes import human_size

TITLE = "Grow guests' volumes"
GUIDE = (
    "“LVM”: it makes “everything else easier”; growing a guest's disk is the case in point, and was not shown"
)
RISK: Risk = "safe"

WORTH_SAYING = 64 * 1024**2


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the volumes, their users, what they hold, and the group's room."""
    return guest_volumes.asks(params, *(v.name for _, v in guest_volumes.owned(params)))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one `lvextend` for each volume that is smaller than listed."""
    if not params.guests:
        return Plan(unasked="guests is empty")
    there = storage.parse(facts)
    if stops := guest_volumes.answers(there):
        return Plan(findings=tuple(stops))
    small = _smaller(params, there)
    group = there.group(params.storage.guest_volume_group)
    findings = [
        *(f for guest, _, volume in small for f in _in_the_way(guest, volume, there)),
        *(_too_little(group, small) if group else ()),
        *_not_shrunk(params, there),
    ]
    return Plan(tuple(_grow(*one) for one in small), tuple(findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each volume that is smaller than listed, and a note where a guest has room to take."""
    there = storage.parse(facts)
    if stops := guest_volumes.answers(there):
        return stops
    small = [
        Finding(
            "fail",
            f"{volume.full_name} has {human_size(volume.size)}, {wanted.size_gib} GiB are listed",
            "the volume did not grow",
            "run this step in mode apply, and read what lvextend said",
        )
        for _, wanted, volume in _smaller(params, there)
    ]
    return [*small, *_not_shrunk(params, there), *_room_inside(params, there, facts)]


def _existing(params: HostParams, there: Storage) -> list[tuple[Guest, Wanted, Volume]]:
    found = ((g, w, guest_volumes.volume_of(params, there, w.name)) for g, w in guest_volumes.owned(params))
    return [(guest, wanted, volume) for guest, wanted, volume in found if volume]


def _smaller(params: HostParams, there: Storage) -> list[tuple[Guest, Wanted, Volume]]:
    return [(g, w, v) for g, w, v in _existing(params, there) if v.size < w.size_gib * GIB]


def _grow(guest: Guest, wanted: Wanted, volume: Volume) -> Run:
    """Return the growth of one volume. There is no way back: the guest may use the room at once."""
    return Run(
        ("lvextend", "--size", f"{wanted.size_gib}g", volume.full_name),
        f"from {human_size(volume.size)}; what is on it stays, and '{guest.name}' sees the room at its next start",
    )


def _in_the_way(guest: Guest, volume: Volume, there: Storage) -> list[Finding]:
    """Return why one volume cannot grow now: a snapshot hangs on it, or the host itself uses it."""
    found = [
        Finding(
            "refuse",
            f"{volume.full_name} has the snapshot {snapshot.full_name}, so it cannot grow",
            "LVM resizes a volume with a snapshot only while no one can use either",
            f"remove the snapshot first: take it out of management.snapshots, or `lvremove {snapshot.full_name}`",
            "lvextend(8)",
        )
        for snapshot in there.snapshots_of(volume)
    ]
    found += [
        Finding(
            "refuse",
            f"{volume.full_name} {use.what}: it is the host's own",
            f"the disk of '{guest.name}' would be a volume that the host works on",
            f"give the volume of '{guest.name}' another name",
        )
        for use in volume.uses
        if use.is_hosts_own
    ]
    return found


def _too_little(group: Group, small: list[tuple[Guest, Wanted, Volume]]) -> list[Finding]:
    """Return a finding when the growth, each volume rounded up to whole extents, does not fit.

    A thin volume takes nothing of the group: its room is its pool's (lvmthin(7)).
    """
    thick = [one for one in small if not one[2].pool]
    names = dict.fromkeys(g.name for g, _, _ in thick)
    need = sum(group.rounded(w.size_gib * GIB) - v.size for _, w, v in thick)
    if need <= group.free:
        return []
    return [
        Finding(
            "refuse",
            f"The volume group '{group.name}' has too little room to grow in",
            f"{', '.join(names)} need {human_size(need)} more, {human_size(group.free)} are free",
            f"ask for less, or add a disk: `vgextend {group.name} /dev/…`",
        )
    ]


def _not_shrunk(params: HostParams, there: Storage) -> list[Finding]:
    """Return a warning for each volume that is larger than listed by an extent or more: it stays so."""
    group = there.group(params.storage.guest_volume_group)
    extent = group.extent if group else 0
    return [
        Finding(
            "warn",
            f"{volume.full_name} has {human_size(volume.size)}, {wanted.size_gib} GiB are listed: it is not shrunk",
            "a volume is cut off at its end, and whatever file system of the guest's lies there is cut with it",
            f"write `size_gib: {-(-volume.size // GIB)}`; a smaller disk is a new one, filled from a backup",
            "lvreduce(8)",
        )
        for _, wanted, volume in _existing(params, there)
        if volume.size >= wanted.size_gib * GIB + extent
    ]


def _room_inside(params: HostParams, there: Storage, facts: Facts) -> list[Finding]:
    """Return a note for each volume with room behind its last partition: only the guest can take it."""
    found = []
    for guest, _, volume in _existing(params, there):
        table = inside.parse(facts, volume.path)
        room = unused(table)
        if room >= WORTH_SAYING and table.partitions:
            found.append(
                Finding(
                    "info",
                    f"{human_size(room)} behind the last partition of '{guest.name}' are unused",
                    "the table and the file system in there are the guest's own, and only it may change them",
                    _how(guest),
                    "growpart(1)",
                )
            )
    return found


def unused(table: Table) -> int:
    """Return how many bytes lie behind the last partition of a table."""
    return table.size - max((p.end for p in table.partitions), default=table.size)


def _how(guest: Guest) -> str:
    if guest.os == "windows":
        return (
            "in Windows: Disk Management, Extend Volume; a recovery partition behind C: has to go first "
            "(`reagentc /disable`, then delete it)"
        )
    return (
        "in the guest: `lsblk` names the disk, /dev/xvda with Xen's drivers; `growpart /dev/xvda N`, then "
        "`resize2fs /dev/xvdaN` (or `xfs_growfs /`)"
    )
