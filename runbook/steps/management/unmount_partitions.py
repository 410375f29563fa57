"""Take away the mounts that the runbook made and that the parameters no longer list."""

from __future__ import annotations

from runbook.actions import Action, Run
from runbook.facts import storage
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import guest_volumes, mount_marks

TITLE = "Unmount what is no longer wanted"
GUIDE = "“Using mount With LVM Virtual Partitions”: nothing was ever unmounted (H805)"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions what is mounted, and which of it the runbook mounted."""
    return (*storage.WITH_GUESTS, mount_marks.ASK)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one `umount` for each marked mount that is not listed; its loop device goes with it."""
    there = storage.parse(facts)
    actions: list[Action] = []
    for mark, at in _unlisted(params, facts):
        volume = guest_volumes.volume_of(params, there, mark.rpartition(":")[0])
        if volume and any(use.kind == "mount" and use.who == at for use in volume.uses):
            why = f"{volume.full_name} is no longer to be mounted there; its loop device is released too"
            actions.append(Run(("umount", at), why, timeout_s=120))
        actions.append(mount_marks.remove(mark))
    return Plan(tuple(actions), tuple(_strays(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each mount of the runbook's that the parameters do not list."""
    left = [
        Finding(
            "fail",
            f"{at} is still mounted, or marked as mounted, and is not under management.mounts",
            "while it is mounted, its guest must not be started",
            f"see who works in it (`fuser -vm {at}`), then run this step again",
            "H805",
        )
        for _, at in _unlisted(params, facts)
    ]
    return [*left, *_strays(params, facts)]


def _unlisted(params: HostParams, facts: Facts) -> list[tuple[str, str]]:
    listed = {(mount_marks.name(params, mount), mount.at) for mount in params.management.mounts}
    return [pair for pair in sorted(mount_marks.parse(facts).items()) if pair not in listed]


def _strays(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a note on loop devices that hold a guest's volume and serve no mount: left over, or somebody's."""
    group = params.storage.guest_volume_group
    return [
        Finding(
            "warn",
            f"{volume.full_name} is attached to {use.who}, and nothing is mounted from there",
            "somebody attached it by hand, or a program that would have detached it was killed",
            f"detach it when it is not yours to keep: `losetup -d {use.who}`",
            "losetup(8)",
        )
        for volume in storage.parse(facts).volumes
        if volume.group == group
        for use in volume.uses
        if use.kind == "loop"
    ]
