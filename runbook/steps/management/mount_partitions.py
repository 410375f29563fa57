"""Mount partitions inside guests' volumes, read-only unless asked otherwise, and never under a running guest."""

from __future__ import annotations

import shlex

from runbook.actions import Action, Foreseen, Run
from runbook.facts import ntfs, storage
from runbook.facts.storage import Use, Volume, inside
from runbook.facts.storage.tables import Content, Table
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.management import Mount
from runbook.steps.shared import guest_volumes, mount_marks, mount_refusals
from runbook.text.sizes import human_size

TITLE = "Mount partitions of guests' volumes"
GUIDE = (
    "“Using mount With LVM Virtual Partitions”: `mount -o offset=105906176`, writable, whoever else had it "
    "open (H803, H804, H805)"
)
RISK: Risk = "safe"

_SAFE = "nosuid,nodev,noexec"
_UNTOUCHED = {"ext3": "noload", "ext4": "noload", "xfs": "norecovery,nouuid", "btrfs": "rescue=nologreplay"}
"""What keeps a read-only mount from replaying the journal, that is, from writing (mount(8), ext4(5))."""
_DRIVER = {"ntfs": "ntfs-3g"}


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the volumes to be mounted, the folders, and how Windows left its disks."""
    mounts = params.management.mounts
    volumes = {mount: mount_marks.volume(params, mount) for mount in mounts}
    return (
        *guest_volumes.asks(params, *volumes.values()),
        *mount_marks.asks(params),
        *(mount_refusals.inside(mount.at) for mount in mounts),
        *(
            ntfs.probe(guest_volumes.path_of(params, name), mount.partition)
            for mount, name in volumes.items()
        ),
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return folder, mark and `mount` for each partition that is listed and not mounted as it should be."""
    actions: list[Action] = []
    findings: list[Finding] = []
    for mount in params.management.mounts:
        todo, found = _one(params, facts, mount)
        actions += todo
        findings += found
    unasked = "" if params.management.mounts else "management.mounts is empty"
    return Plan(tuple(actions), tuple(dict.fromkeys(findings)), unasked=unasked)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each partition that is not mounted as listed, or whose guest runs beside it."""
    planned = plan(params, facts)
    there = storage.parse(facts)
    left = [
        Finding(
            "fail",
            f"Partition {mount.partition} of '{mount.guest}' is not mounted at {mount.at} as listed",
            "/proc/mounts does not show it, or shows it with other rights",
            "run this step in mode apply, and read what mount said",
        )
        for mount in params.management.mounts
        if not is_mounted(
            params, mount, guest_volumes.volume_of(params, there, mount_marks.volume(params, mount)), facts
        )
    ]
    return [*planned.findings, *left]


def is_mounted(params: HostParams, mount: Mount, volume: Volume | None, facts: Facts) -> bool:
    """True when the partition, and nothing else, is on its folder with the rights that are listed."""
    use = _at(mount, volume)
    table = inside.parse(facts, guest_volumes.path_of(params, mount_marks.volume(params, mount)))
    where = _where(table, mount)
    if use is None or where is None:
        return False
    offset = use.loop.offset if use.loop else 0
    return offset == where[0] and use.is_read_only is not mount.writable


def _one(params: HostParams, facts: Facts, mount: Mount) -> tuple[list[Action], list[Finding]]:
    """Return actions and findings for one mount."""
    there = storage.parse(facts)
    if stops := guest_volumes.answers(there):
        return _foreseen(params, mount) if stops[0].level == "wait" else [], stops
    name = mount_marks.volume(params, mount)
    volume = guest_volumes.volume_of(params, there, name)
    table = inside.parse(facts, guest_volumes.path_of(params, name))
    if volume is None or not table.exists:
        return _foreseen(params, mount), [guest_volumes.absent(params, name)]
    if stops := mount_refusals.users(params, mount, volume):
        return [], stops
    if is_mounted(params, mount, volume, facts):
        return [], []
    where = _where(table, mount)
    stops = mount_refusals.contents(mount, table, where[2] if where else None)
    if stops or where is None:
        return [], stops
    state = ntfs.parse(facts[ntfs.probe(volume.path, mount.partition)]) if where[2].fstype == "ntfs" else None
    found = mount_refusals.windows(mount, state)
    mine = (
        _at(mount, volume) is not None
        and mount_marks.parse(facts).get(mount_marks.name(params, mount)) == mount.at
    )
    if not mine:
        found += mount_refusals.folder(facts, mount.at)
    return ([] if any(f.stops for f in found) else _actions(params, mount, volume, where, mine)), found


def _foreseen(params: HostParams, mount: Mount) -> list[Action]:
    path = guest_volumes.path_of(params, mount_marks.volume(params, mount))
    rights = "rw" if mount.writable else "ro"
    command = f"$ mount -o {rights},{_SAFE},loop,offset=…,sizelimit=… {path} {mount.at}"
    what = f"partition {mount.partition}" if mount.partition else "the file system"
    assumes = "a guest has written it by then; its kind and its place are read from the volume"
    first = (Run(("mkdir", "-p", mount.at), "the folder to mount on"), mount_marks.set_mark(params, mount))
    return [*first, Foreseen(f"mount {what} of {path} at {mount.at}", command, assumes)]


def _actions(
    params: HostParams, mount: Mount, volume: Volume, where: tuple[int, int, Content], mine: bool
) -> list[Action]:
    start, size, content = where
    rights = ["rw"] if mount.writable else ["ro", _UNTOUCHED.get(content.fstype, "")]
    # mount(8) opens the window itself, and the kernel closes it with the last unmount, whatever happens to us.
    window = f"loop,offset={start},sizelimit={size}"
    options = ",".join(word for word in (*rights, _SAFE, window) if word)
    driver = _DRIVER.get(content.fstype, content.fstype)
    at = shlex.quote(mount.at)
    why = f"{human_size(size)} of {content.fstype}" + (f", called {content.label}" if content.label else "")
    again = Run(("umount", mount.at), "to mount it again with the other rights", timeout_s=120)
    first = (Run(("mkdir", "-p", mount.at), "the folder to mount on"), mount_marks.set_mark(params, mount))
    return [
        *((again,) if mine else first),
        Run(
            ("mount", "-t", driver, "-o", options, volume.path, mount.at),
            why,
            timeout_s=120,
            undo=("sh", "-c", f"! mountpoint -q {at} || umount {at}"),  # a restart unmounts it, too
        ),
    ]


def _where(table: Table, mount: Mount) -> tuple[int, int, Content] | None:
    """Return start, size and contents of what is to be mounted, None when the volume has no such part."""
    if mount.partition == 0:
        return None if table.label else (0, table.size, table.content)
    part = table.partition(mount.partition)
    return (part.start, part.size, part.content) if part else None


def _at(mount: Mount, volume: Volume | None) -> Use | None:
    """Return the use of the volume on the mount's folder, None when the volume is not mounted there."""
    uses = volume.uses if volume else ()
    return next((use for use in uses if use.kind == "mount" and use.who == mount.at), None)
