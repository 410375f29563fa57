"""Create the guests' disks: one logical volume each. What exists is never touched."""

from __future__ import annotations

from runbook import releases
from runbook.actions import Run
from runbook.actions.volumes import TAG, removal
from runbook.facts import storage
from runbook.facts.storage import GIB, Group, Storage, Volume
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.guests import Volume as Wanted
from runbook.releases import xen
from runbook.steps.shared import guest_volumes
from runbook.survey import volume_groups
from runbook.text.sizes import human_size

TITLE = "Create the guests' volumes"
GUIDE = (
    "Xen DomU Configurations: the guests' disks are named (one of them misspelt, one in a volume group "
    "that was never made) and never created (H204, H205, H703)"
)
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about LVM and about what dom0 itself uses of it."""
    return storage.COMMANDS


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one `lvcreate` for each volume that is missing; refuse where room or group is missing."""
    there = storage.parse(facts)
    group = there.group(params.storage.guest_volume_group)
    left = _left(params, there)
    if not params.guests:
        return Plan((), left, unasked="guests is empty")
    if not guest_volumes.owned(params):
        return Plan((), left, unasked="no guest has a volume in storage.guest_volume_group")
    if group is None:
        # Without the tools nobody can look; a group that is not there is none that will be.
        foreseen = [] if there.has_lvm else guest_volumes.owned(params)
        made = tuple(_create(params.storage.guest_volume_group, *one) for one in foreseen)
        return Plan(made, (_no_group(params, there),))
    missing = [(g, v) for g, v in guest_volumes.owned(params) if there.volume(group.name, v.name) is None]
    findings = [
        *_unfit(params, there),
        *_no_pool(there, group, missing),
        *_short_pools(there, group, missing),
        *_too_little(there, group, missing),
        *left,
    ]
    return Plan(tuple(_create(group.name, *one) for one in missing), tuple(findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each volume that is missing, too small, or dom0's own."""
    there = storage.parse(facts)
    name = params.storage.guest_volume_group
    if there.group(name) is None:
        return [_no_group(params, there)] if guest_volumes.owned(params) else []
    missing = [v.name for _, v in guest_volumes.owned(params) if there.volume(name, v.name) is None]
    return [
        *(
            Finding("fail", f"The volume {name}/{volume} does not exist", do="run this step in mode apply")
            for volume in missing
        ),
        *_unfit(params, there),
        *_left(params, there),
    ]


def _left(params: HostParams, there: Storage) -> tuple[Finding, ...]:
    """Return a warning for each volume that the runbook made for a guest, and which no guest of the parameters has."""
    group = params.storage.guest_volume_group
    mine = {volume.name for _, volume in guest_volumes.owned(params)}
    return tuple(
        Finding(
            "warn",
            f"The volume {v.full_name} was made by the runbook, and no guest of the parameters has it",
            f"its guest was taken out of the parameters, or has another volume now; it holds {human_size(v.size)}, and "
            "nothing removes it",
            f"take the guest in again (`runbook guest adopt PARAMS {v.name}`); or, once its data is not wanted, "
            f"`lvremove {v.full_name}`",
        )
        for v in there.volumes_of(group)
        if TAG in v.tags and not v.origin and v.name not in mine
    )


def _create(group: str, guest: Guest, volume: Wanted) -> Run:
    """Return the creation of one volume, cleared of what an older volume left in its place.

    A thin one is empty by itself, and takes from its pool what is written to it (lvmthin(7)).
    """
    size = f"{volume.size_gib}g"
    how: tuple[str, ...] = ("--yes", "--wipesignatures", "y", "--zero", "y", "--addtag", TAG, "--size", size)
    if volume.thin_pool:
        how = ("--yes", "--addtag", TAG, "--virtualsize", size, "--thinpool", volume.thin_pool)
    return Run(
        ("lvcreate", *how, "--name", volume.name, group),
        f"the disk of {guest.name}; it asks nobody because it is new",
        undo=removal(group, volume.name),
    )


def _no_pool(there: Storage, group: Group, missing: list[tuple[Guest, Wanted]]) -> list[Finding]:
    """Return a finding for each thin pool that is asked for and is not in the group."""
    pools = dict.fromkeys(v.thin_pool for _, v in missing if v.thin_pool)
    return [
        Finding(
            "refuse",
            f"There is no thin pool {group.name}/{pool}",
            "a thin volume is made in a pool of its own group",
            f"make it (`lvcreate --type thin-pool --size 100g --name {pool} {group.name}`), or leave `thin_pool` out",
            "lvmthin(7)",
        )
        for pool in pools
        if pool not in {one.name for one in volume_groups.pools(there, group.name)}
    ]


def _short_pools(there: Storage, group: Group, missing: list[tuple[Guest, Wanted]]) -> list[Finding]:
    """Return a finding for each thin pool that may run full of what its new volumes come to hold."""
    found = []
    for pool in volume_groups.pools(there, group.name):
        thin = [v for _, v in missing if v.thin_pool == pool.name]
        need, room = sum(v.size_gib * GIB for v in thin), volume_groups.pool_room(pool)
        if not thin or need <= room:
            continue
        more = "make it larger (`lvextend`), or empty it of volumes that nobody wants, before it is full"
        found.append(
            Finding(
                "warn" if room >= volume_groups.LEAST else "refuse",
                f"The thin pool {pool.full_name} has {human_size(room)} free",
                f"{', '.join(v.name for v in thin)} may come to hold {human_size(need)}; when a pool is full, every "
                "guest in it meets errors of its disk",
                f"{more}; `lvs -o+data_percent,metadata_percent {pool.full_name}` says how full it is",
                "lvmthin(7)",
            )
        )
    return found


def _no_group(params: HostParams, there: Storage) -> Finding:
    name = params.storage.guest_volume_group
    if not there.has_lvm:
        return Finding(
            "wait",
            "The LVM tools do not answer",
            "`lvm fullreport` failed, so the volumes cannot be seen",
            "run notebook 05_xen_installation, which installs lvm2",
            after=xen.supply(params.xen.source, releases.get(params.release)).step,
        )
    names = ", ".join(group.name for group in there.groups) or "none at all"
    return Finding(
        "refuse",
        f"There is no volume group '{name}' for the guests' disks",
        f"this host has: {names}",
        f"make it on a disk or partition that holds nothing you need (`vgcreate {name} /dev/…`), "
        "or set storage.guest_volume_group to one that exists",
        "H204",
    )


def _too_little(there: Storage, group: Group, missing: list[tuple[Guest, Wanted]]) -> list[Finding]:
    """Return a finding when the new volumes, each rounded up to whole extents, cannot be made."""
    if missing and volume_groups.is_partial(there, group.name):
        return [
            Finding(
                "refuse",
                f"The volume group '{group.name}' lacks a disk",
                "LVM makes no volume in a group as long as a part of it is missing",
                volume_groups.way_to_room(there, group),
                "lvm(8)",
            )
        ]
    thick = [v for _, v in missing if not v.thin_pool]
    need = sum(group.rounded(v.size_gib * GIB) for v in thick)
    if need <= group.free:
        return []
    wanted = ", ".join(f"{v.name} {v.size_gib} GiB" for v in thick)
    held, pool = volume_groups.holders(there, group), volume_groups.pool_with_room(there, group)
    thin = (
        f"say `thin_pool: {pool.name}` beside the volume's size_gib, and it is made in that pool; or "
        if pool
        else ""
    )
    return [
        Finding(
            "refuse",
            f"The volume group '{group.name}' is too small for the guests' disks",
            f"{wanted} need {human_size(need)}, {human_size(group.free)} are free"
            + (f"; {held}" if held else ""),
            f"{thin}give guests smaller volumes, or make room: {volume_groups.way_to_room(there, group)}",
        )
    ]


def _unfit(params: HostParams, there: Storage) -> list[Finding]:
    """Return a finding for each existing volume that cannot be the guest's."""
    name = params.storage.guest_volume_group
    found = ((g, w, there.volume(name, w.name)) for g, w in guest_volumes.owned(params))
    return [
        finding for guest, wanted, volume in found if volume for finding in _why_unfit(guest, wanted, volume)
    ]


def _why_unfit(guest: Guest, wanted: Wanted, volume: Volume) -> list[Finding]:
    path = volume.full_name
    used_at = next((u.who if u.kind == "mount" else u.kind for u in volume.uses if u.is_hosts_own), "")
    if used_at:
        return [
            Finding(
                "refuse",
                f"The volume {path} is dom0's own: it is in use as {used_at}",
                f"the guest '{guest.name}' would write over the files of the running host",
                f"give the volume of '{guest.name}' another name, or keep guests in a group of their own",
            )
        ]
    if volume.size < wanted.size_gib * GIB:
        return [
            Finding(
                "warn",
                f"The volume {path} exists and is smaller than asked",
                f"it has {human_size(volume.size)}, {wanted.size_gib} GiB are asked; "
                "it may hold the guest's data, so here it is left as it is",
                "grow_volumes in 09_management makes it larger and keeps what is on it; or ask for less",
            )
        ]
    return []
