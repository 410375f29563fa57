"""How much of the machine dom0 gets: by its size, and by what its file systems want for themselves.

XenServer's documentation ("Memory usage") and XCP-ng, which has the same installer, give dom0 1 GiB and 5 % of the machine,
at most 8 GiB, and at least 1 GiB. Xen's wiki ("Xen Project Best Practices") wants it fixed, and more where a device model
runs for each of many guests. ZFS' cache (zfs(4), zfs_arc_max) takes half of what dom0 sees, from 2.3 on nearly all of it;
Proxmox VE's guide ("Limit ZFS Memory Usage") reckons 2 GiB and 1 GiB for each TiB of a pool, and gives new hosts no more
than 16 GiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook.facts.storage import GIB, MIB, Storage
from runbook.survey.machine import Machine

LEAST, ENOUGH, MOST = 2048, 4096, 8192
_STEP = 256
_ARC_BASE, _ARC_MOST = 2048, 16384


def memory(machine_mib: int, pools: int | None = None) -> tuple[int, str]:
    """Return the suggested memory of dom0 in MiB, and why; `pools` are the bytes of its ZFS pools, None for none.

    >>> [memory(mib)[0] for mib in (2000, 5925, 12288, 32768, 131072, 529408)]
    [896, 2048, 3072, 4096, 7424, 8192]
    >>> memory(65536, 4 * 2**40)
    (10240, '4096 MiB as on any host of this size and 6144 MiB for the cache of ZFS (2 GiB, and 1 GiB for each TiB of its \
pools); to hold it to that, write `options zfs zfs_arc_max=6442450944` into /etc/modprobe.d/zfs.conf, or it takes half of \
dom0 and more; 55296 MiB are left for Xen and the guests')
    """
    own, why = _without_pools(machine_mib)
    if pools is None:
        return own, f"{why}; {machine_mib - own} MiB are left for Xen and the guests"
    wanted = min(_ARC_BASE + -(-pools // (1024 * GIB)) * 1024, _ARC_MOST)
    room = max(machine_mib // 2 - own, 0)
    arc = min(wanted, room) // _STEP * _STEP
    less = "" if arc == wanted else f", of which this machine has room for {arc} MiB"
    limit = (
        f"; to hold it to that, write `options zfs zfs_arc_max={arc * MIB}` into /etc/modprobe.d/zfs.conf, or it takes half "
        "of dom0 and more"
        if arc
        else ""
    )
    return own + arc, (
        f"{own} MiB as on any host of this size and {wanted} MiB for the cache of ZFS (2 GiB, and 1 GiB for each TiB of its "
        f"pools){less}{limit}; {machine_mib - own - arc} MiB are left for Xen and the guests"
    )


def _without_pools(machine_mib: int) -> tuple[int, str]:
    if machine_mib < 2 * LEAST:
        half = max(machine_mib // 2 // 128 * 128, 64)
        return half, f"half of the machine's {machine_mib} MiB, which is little for a Xen host"
    if machine_mib <= 4 * LEAST:
        return LEAST, "the least for comfort on Debian 12 and 13"
    if machine_mib <= 4 * ENOUGH:
        return machine_mib // 4 // _STEP * _STEP, "a quarter of the machine"
    share = (1024 + machine_mib // 20) // _STEP * _STEP
    if share <= ENOUGH:
        return ENOUGH, "enough for a host that only serves its guests"
    if share < MOST:
        return (
            share,
            "1 GiB and 5 % of the machine, for its own tables and a device model for each of many guests",
        )
    return MOST, "as much as a host of any size needs that only serves its guests"


def vcpus(threads: int) -> tuple[int, str]:
    """Return how many virtual CPUs dom0 gets, and why; the numbers are XenServer's (`xcp.dom0.default_vcpus`).

    >>> [vcpus(threads)[0] for threads in (1, 2, 3, 4, 8, 16, 24, 80)]
    [1, 2, 2, 2, 4, 4, 6, 8]

    One of fewer than eight threads gets fewer: its guests need them.
    """
    found = next(count for most, count in ((1, 1), (7, 2), (23, 4), (31, 6), (threads, 8)) if threads <= most)
    why = f"of {threads} threads; guests may use all of them"
    return found, why if found <= 2 else f"{why}, and dom0 moves the packets and blocks of them all"


def memory_of(machine: Machine, has: Mapping[str, Any]) -> tuple[int, str]:
    """Return the memory of a machine's dom0 in MiB, and why: what it `has` already, else what is suggested."""
    if "memory_mib" in has:
        return has["memory_mib"], "what it has now"
    return memory(machine.memory.machine_mib, pools(machine.storage))


def vcpus_of(machine: Machine, has: Mapping[str, Any]) -> tuple[int, str]:
    """Return the virtual CPUs of a machine's dom0, and why, likewise."""
    if "max_vcpus" in has:
        return has["max_vcpus"], f"of {machine.cpu.threads} threads, as it has now"
    return vcpus(max(1, machine.cpu.threads))


def pools(storage: Storage) -> int | None:
    """Return how many bytes the ZFS pools have that this host has mounted, 0 where their disks are not seen, None for none."""
    names = {mount.source.partition("/")[0] for mount in storage.mounts if mount.fstype == "zfs"}
    if not names:
        return None
    members = [device for device in storage.devices if device.fstype == "zfs_member"]
    return sum(device.size_bytes for device in members if device.label in ("", *names))
