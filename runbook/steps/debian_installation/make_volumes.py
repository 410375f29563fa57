"""LVM: the host's own volume group with its volumes, and an empty one for the guests."""

from __future__ import annotations

from runbook.actions import Action, Run
from runbook.facts.storage import MIB
from runbook.installation.layout import LogicalVolume, VolumeGroup
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import partition_disk
from runbook.steps.shared import target
from runbook.steps.shared.target import Situation
from runbook.text.sizes import human_size

TITLE = "Make the volume groups and the host's volumes"
GUIDE = "“Wheezy Installation”: group xen and five volumes; the guests' group was never made (H202, H204)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return target.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Make what is missing. A partition on which something else is found is refused, never overwritten."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(partition_disk, params, facts)
    found = () if waits else tuple(f for group in here.layout.groups for f in _obstacles(here, group))
    actions = [action for group in here.layout.groups for action in _needed(here, group)]
    return Plan(tuple(actions), (*waits, *found))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Both groups are on their partitions, and every volume is there and active."""
    here = target.read(params, facts)
    return [] if target.needless(params, here) else target.still("make_volumes", plan(params, facts))


def _needed(here: Situation, group: VolumeGroup) -> list[Action]:
    partition = here.partition(group.partition)
    if [p.path for p in here.storage.parts_of(group.name)] != [partition]:
        return [
            Run(
                ("vgcreate", group.name, partition),
                "LVM asks before it overwrites anything, nobody answers, and so it does not",
            ),
            *(_create(group.name, volume) for volume in group.volumes),
        ]
    there = [volume for volume in group.volumes if here.storage.volume(group.name, volume.name)]
    actions: list[Action] = []
    if any(here.storage.device(here.volume(volume.name)) is None for volume in there):
        actions.append(Run(("vgchange", "--activate", "y", group.name), "its volumes are asleep"))
    return actions + [_create(group.name, volume) for volume in group.volumes if volume not in there]


def _create(group: str, volume: LogicalVolume) -> Run:
    # What an earlier life of the disk left inside a new volume is no file system of anybody's.
    wipe = ("--yes", "--wipesignatures", "y")
    size = ("--size", f"{volume.size_mib}m", "--name", volume.name)
    return Run(
        ("lvcreate", *wipe, *size, group),
        f"for {volume.mount}",
    )


def _obstacles(here: Situation, group: VolumeGroup) -> list[Finding]:
    """Return what is on a group's partition that is not this group, and volumes of another size."""
    partition = here.partition(group.partition)
    device = here.storage.device(partition)
    owner = next((p.group for p in here.storage.physical_volumes if p.path == partition), None)
    if owner not in (None, "", group.name) or (device and device.fstype not in ("", "LVM2_member")):
        holds = f"the volume group {owner}" if owner else f"a file system ({device.fstype if device else ''})"
        return [
            Finding(
                "refuse",
                f"{partition} is not empty: it holds {holds}",
                f"it was to become the volume group {group.name}",
                f"save what it holds, then run `wipefs --all {partition}` on the host",
                "vgcreate(8)",
            )
        ]
    found = []
    for wanted in group.volumes:
        now = here.storage.volume(group.name, wanted.name)
        if now and now.size != wanted.size_mib * MIB:
            found.append(
                Finding(
                    "refuse",
                    f"The volume {group.name}/{wanted.name} has {human_size(now.size)}, not "
                    f"{human_size(wanted.size_mib * MIB)}",
                    "somebody made it, or the parameters changed since; it is not resized here",
                    "put its size into installation.volumes, or remove it with lvremove(8) when it is not needed",
                )
            )
    return found
