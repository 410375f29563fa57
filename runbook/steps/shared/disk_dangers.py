"""What speaks against installing on this disk, from this system: said before anything is touched."""

from __future__ import annotations

from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared.target import MARK, ROOT, Situation
from runbook.text.sizes import human_size


def refusals(params: HostParams, here: Situation) -> tuple[Finding, ...]:
    """Return why nothing may be installed here, () when it may."""
    if here.runs_from_disk:
        return (_runs_from_it(here),)
    if not here.is_live:
        return (_not_live(params, here),)
    if not here.is_uefi:
        return (_no_uefi(),)
    return _unfit(params, here)


def in_use(here: Situation) -> tuple[Finding, ...]:
    """Return what uses the disk right now: mounts, swap, volumes, arrays, opened containers."""
    found = []
    disk = here.disk
    for device in (*((disk,) if disk else ()), *here.storage.above(here.path)):
        for place in device.mountpoints:
            swap = place == "[SWAP]"
            found.append(
                Finding(
                    "refuse",
                    f"{device.path} is {'used as swap' if swap else f'mounted at {place}'}",
                    "it is on the disk that would be overwritten",
                    f"{'run `swapoff' if swap else 'look at it, then run `umount'} {device.path}`"
                    ", or choose another disk",
                    "sfdisk(8)",
                )
            )
        if device.kind not in ("disk", "part") and not device.mountpoints:
            found.append(_active(device.name, device.kind, device.path))
    return tuple(found)


def clashes(here: Situation) -> tuple[Finding, ...]:
    """Return volume groups on other disks that have a name which is needed here."""
    mine = (here.path, *(d.path for d in here.storage.above(here.path)))
    return tuple(
        Finding(
            "refuse",
            f"The volume group {group.name} is on another disk",
            f"it is on {', '.join(others)}, and a name can be given only once",
            f"rename it (`vgrename {group.name} OTHER`), take that disk out, or give the parameters another name",
        )
        for group in here.layout.groups
        if (others := [p.path for p in here.storage.parts_of(group.name) if p.path not in mine])
    )


def losses(here: Situation) -> tuple[str, ...]:
    """Return everything that is on the disk, one line each; () for an empty disk."""
    table, disk = here.storage.table(here.path), here.disk
    lines = [f"a partition table ({table.label}) with {len(table.partitions)} partitions"] if table else []
    for device in (*((disk,) if disk else ()), *here.storage.above(here.path)):
        if device.fstype or device.kind == "part":
            name = f" '{device.label}'" if device.label else ""
            lines.append(
                f"{device.path}: {device.fstype or 'no file system'}{name}, {human_size(device.size_bytes)}"
            )
    mine = {here.path, *(d.path for d in here.storage.above(here.path))}
    groups = {p.group for p in here.storage.physical_volumes if p.path in mine and p.group}
    lines += [
        f"volume {v.group}/{v.name}, {human_size(v.size)}"
        for v in here.storage.volumes
        if v.group in sorted(groups)
    ]
    return tuple(lines)


def _active(name: str, kind: str, path: str) -> Finding:
    undo = {"lvm": "vgchange --activate n GROUP", "crypt": f"cryptsetup close {name}"}
    if kind == "mpath":
        undo[kind] = f"multipath -f {name}"
    return Finding(
        "refuse",
        f"{path} ({kind}) is active on this disk",
        "whatever uses it would go on writing to a disk that has become another",
        f"see what it is, then run `{undo.get(kind, f'mdadm --stop {path}')}`, or choose another disk",
        "sfdisk(8), lvm(8)",
    )


def _runs_from_it(here: Situation) -> Finding:
    return Finding(
        "refuse",
        f"The running system is on {here.path} itself",
        "a system cannot be replaced under its own feet, and what is there has not the layout of the parameters",
        "start a live system on this machine and run again; or, when this Debian is to stay, set "
        "`installation.method: none`",
    )


def _not_live(params: HostParams, here: Situation) -> Finding:
    root = here.storage.mount("/")
    what = f"{root.source} ({root.fstype})" if root else "unknown"
    return Finding(
        "refuse",
        f"{params.host} does not run a live system",
        f"its root is {what}: a system on a disk, which somebody may need",
        "start a live system on this machine; or, if this one is only there to install from, say so with "
        f"`touch {MARK}` on it",
    )


def _no_uefi() -> Finding:
    return Finding(
        "refuse",
        "The live system was not started by UEFI",
        "so it cannot tell the firmware what to start; the layout has an EFI partition for that",
        "restart, and choose the entry of the live medium that is marked UEFI; switch CSM off (01_uefi)",
        "H209",
    )


def _unfit(params: HostParams, here: Situation) -> tuple[Finding, ...]:
    wanted, disk = params.installation.disk, here.disk
    if disk is None or disk.kind != "disk":
        there = ", ".join(
            f"{d.path} ({d.model or d.transport or 'disk'}, {human_size(d.size_bytes)})"
            for d in here.storage.disks
        )
        is_not = "is not there" if disk is None else f"is no disk but a {disk.kind}"
        return (
            Finding(
                "refuse",
                f"{wanted} {is_not}",
                f"the host has: {there or 'no disk at all'}",
                "correct installation.disk; a name under /dev/disk/by-id stays with its disk",
                "lsblk(8)",
            ),
        )
    need = here.layout.least_disk_mib * 2**20
    if disk.size_bytes < need:
        return (
            Finding(
                "refuse",
                f"{wanted} has {human_size(disk.size_bytes)}; {human_size(need)} are needed",
                "for the EFI partition, /boot, the host's own group, and a remainder for the guests",
                "choose another disk, or make installation.system_gib and the volumes smaller",
            ),
        )
    if disk.is_read_only:
        return (
            Finding(
                "refuse",
                f"{wanted} is read-only",
                "the kernel says so: a switch on the medium, or a disk that failed",
                "look at `dmesg`, then choose another disk",
            ),
        )
    return _root_taken(here)


def _root_taken(here: Situation) -> tuple[Finding, ...]:
    mount = here.storage.mount(ROOT)
    if mount is None or mount.source == here.volume("root"):
        return ()
    return (
        Finding(
            "refuse",
            f"Something else is mounted at {ROOT}",
            f"it is {mount.source}; the new system is put together there",
            f"run `umount --recursive {ROOT}` on the host, then run again",
        ),
    )
