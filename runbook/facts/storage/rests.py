"""What the mounts of a host rest on: disks that are seen, the network, memory; or nothing that anybody can name.

findmnt(8) knows more mounts than lsblk(8): those of a ZFS pool, of bcachefs, of what no device carries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts.storage.model import Device, Mount
from runbook.facts.storage.tree import Storage

_POOLS = frozenset({"zfs", "btrfs", "bcachefs", "gpfs"})
"""What keeps files on disks under a name that is no device's."""
NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "lustre", "glusterfs", "orangefs", "coda",
    "fuse.glusterfs", "fuse.ceph", "fuse.cephfs", "fuse.sshfs", "fuse.s3fs", "fuse.juicefs", "fuse.moosefs", "fuse.lizardfs",
})  # fmt: skip
"""What brings files over the network."""
_MEMORY = frozenset({"tmpfs", "ramfs", "rootfs"})
_LAYERS = re.compile(r"(?:lowerdir|upperdir)\+?=(.*)")


@dataclass(frozen=True)
class Remote:
    """Something that dom0 has over the network."""

    what: str
    """In words, such as `the mount /srv`."""
    source: str
    """As findmnt(8) has it; '' for a disk."""
    options: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    """Those of iSCSI and of NVMe over fabrics that bring it."""


def unplaced(storage: Storage) -> tuple[str, ...]:
    """Return in words what dom0 has mounted on no disk that is known: then it may be on any.

    File systems of the kernel, of memory, of a network and of a program (fuse), and the layers of containers are none.
    """
    mounts = (m for m in storage.mounts if _is_on_disks(m) and not _is_placed(storage, m, (m,)))
    found = [f"{m.target} ({m.fstype} {m.source})" for m in mounts]
    known = {m.target for m in storage.mounts}
    for device in storage.devices:
        if not _is_seen(storage, device):
            found += [f"{place} ({device.path})" for place in device.mountpoints if place not in known]
    return tuple(dict.fromkeys(found))


def remotes(storage: Storage) -> Iterator[Remote]:
    """Yield what dom0 has mounted over the network, and the disks in use that a network brings."""
    for mount in storage.mounts:
        if mount.fstype in NETWORK:
            yield Remote(f"the mount {mount.target}", mount.source, mount.options)
    for device in storage.devices:
        sessions = tuple(s for place in device.places for s in place.sessions)
        if not device.parents and any(place.kind == "network" for place in device.places):
            yield Remote(f"the disk {device.name}", "", (), sessions)


def _is_on_disks(mount: Mount) -> bool:
    if mount.fstype in NETWORK or mount.fstype in _MEMORY:
        return False
    is_program = mount.fstype == "fuse" or mount.fstype.startswith("fuse.")
    return mount.target == "/" or mount.fstype in _POOLS or (bool(mount.devices) and not is_program)


def _is_placed(storage: Storage, mount: Mount, above: tuple[Mount, ...]) -> bool:
    """Return whether all is known that a mount rests on; `above` are the mounts that rest on it, itself among them."""
    if not _is_on_disks(mount) and mount.fstype != "overlay":
        return True
    if mount.fstype == "zfs":
        return _has_members(storage, mount.pool)
    if mount.fstype == "overlay":
        layers = [path for option in mount.options for path in _layers(option)]
        below = [storage.mount_of(path) for path in layers]
        return bool(below) and all(
            m and m not in above and _is_placed(storage, m, (*above, m)) for m in below
        )
    named = [d for d in storage.devices if {d.path, f"/dev/{d.kernel_name}"} & {*mount.devices}]
    at = [d for d in storage.devices if mount.target in d.mountpoints]
    is_whole = len(named) >= len(mount.devices) if len(mount.devices) > 1 else bool(named or at)
    return is_whole and all(
        _is_seen(storage, d) and _is_backed(storage, d, mount, above) for d in named or at
    )


def _layers(option: str) -> list[str]:
    found = _LAYERS.fullmatch(option)
    return [path for path in re.split(r"(?<!\\):+", found[1]) if path] if found else []


def _is_seen(storage: Storage, device: Device) -> bool:
    """Return whether it is known where all disks of a device are; nothing is said against one that nobody asked about."""
    kinds = {place.kind for place in device.places} or {"unknown"}
    return "unknown" not in kinds and ("pool" not in kinds or _has_members(storage, ""))


def _is_backed(storage: Storage, device: Device, mount: Mount, above: tuple[Mount, ...]) -> bool:
    """Return whether the files behind the loop devices of a mount lie on what is known.

    Elsewhere than below `/` such a file lies in a file system that is mounted itself, and counts as that.
    """
    if above[0].target != "/":
        return True
    loops = [d for d in (device, *storage.below(device.path)) if d.kind == "loop" and not d.parents]
    below = [storage.mount_of(d.loop.file) if d.loop and d.loop.file else None for d in loops]
    return all(m and m not in above and _is_placed(storage, m, (*above, m)) for m in below)


def _has_members(storage: Storage, pool: str) -> bool:
    """Return whether a ZFS pool has disks that are seen; '' is any pool. One without a name may be of each."""
    members = [d for d in storage.devices if d.fstype == "zfs_member"]
    mine = [d for d in members if not pool or d.label in ("", pool)]
    return bool(mine) and all("unknown" not in {place.kind for place in d.places} for d in mine)
