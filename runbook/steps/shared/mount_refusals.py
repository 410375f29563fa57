"""Why a partition of a guest's volume is not mounted: who has it, what it holds, how Windows left it."""

from __future__ import annotations

import shlex

from runbook.facts import storage
from runbook.facts.ntfs import Ntfs
from runbook.facts.storage import Volume, kinds
from runbook.facts.storage.tables import Content, Partition, Table
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.management import Mount
from runbook.text.sizes import human_size

FILE_SYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "exfat", "ntfs", "iso9660", "udf")

UNMOUNTABLE = {
    "swap": "it is swap space: pages of the guest's memory, and no files",
    "LVM2_member": "it belongs to a volume group of the guest's own; the files are one floor deeper, in its volumes",
    "linux_raid_member": "it is one part of a RAID that the guest puts together",
    "crypto_LUKS": "it is encrypted (LUKS), and the guest has the key",
    "BitLocker": "it is encrypted (BitLocker), and Windows has the key",
    "dos": "it is the extended partition, a box for those from number 5 on",
    "zfs_member": "it is part of a ZFS pool, which the guest imports (`zpool import`)",
    "ufs": "it is UFS, a BSD's file system: the guest reads it",
    "swsuspend": "it is swap space that holds a sleeping guest's memory: the guest wakes from it",
}
"""Why some contents are not mounted, by blkid's name."""
_BY_USAGE = {
    "filesystem": "it is a file system that is the guest's to read: how to open it here without writing to it was never tried",
    "raid": "it is one part of something larger, which the guest puts together",
    "crypto": "it is encrypted, and the guest has the key",
}
"""The same by blkid's word for what it is used for, where its name is not among them."""
_SHOWN = {"ufs": "UFS", "zfs": "ZFS", "zfs_member": "ZFS"}
"""How what lies in a slice is called to people."""
_UNKNOWN = (
    "blkid finds nothing in it that it knows: it was never formatted, is encrypted without a header, or is of a kind that "
    "only the guest knows"
)
_NO_MOVE = (
    "it only looks wrong from here: keep a whole copy (`content: whole` under management.backups) before any tool writes to "
    "it, and let the guest's own system look; `sfdisk --verify` looks and writes nothing"
)


def untrusted(table: Table) -> tuple[str, str, str]:
    """Return the words on a table that cannot be trusted: what, why, and the move that destroys nothing."""
    what = f"The partition table in {table.path} cannot be trusted"
    return what, "; ".join(table.problems), table.move or _NO_MOVE


def nature(label: str, part: Partition | None, content: Content) -> str:
    """Return why no files are mounted from a partition, or from a volume without one; '' where they are."""
    kind = kinds.find(label, part.type) if part else kinds.UNKNOWN
    if kind.is_dynamic:
        return kind.holds
    if content.fstype in FILE_SYSTEMS:
        return ""
    if part and part.slots:
        return f"it is divided once more, by a BSD label: {slots(part)}"
    known = UNMOUNTABLE.get(content.fstype) or (content.fstype and _BY_USAGE.get(content.usage))
    called = f"its table calls it '{kind.name}', and " if kind.name else ""
    return known or kind.holds or called + _UNKNOWN


def slots(part: Partition) -> str:
    """Return in words what lies in a slice, and how far behind its first byte."""
    return ", ".join(
        (f"{slot.letter} = " if slot.letter else "")
        + f"{_SHOWN.get(held, held)} at {human_size(slot.start - part.start)}"
        for slot in part.slots
        for held in [slot.content.fstype or slot.kind or "nothing that blkid knows"]
    )


def without_tools() -> Finding:
    """Return the finding for a host without the program that reads partition tables."""
    return Finding(
        "wait",
        "The program that reads partition tables is missing",
        "sfdisk is not part of a minimal Debian",
        "run the step install_tools first",
        after="install_tools",
    )


def inside(folder: str) -> Ask:
    """Return the question for one thing that a folder holds; nothing when it is empty or missing."""
    return Ask.shell(f"find {shlex.quote(folder)} -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null; true")


def users(params: HostParams, mount: Mount, volume: Volume) -> list[Finding]:
    """Return a refusal for each user of the volume beside whom a mount would be dangerous.

    Read-only mounts do each other no harm. Anything that may write does harm to all: a file system in
    memory does not notice what changes on the disk below it.
    """
    ours = {m.at for m in params.management.mounts if m.guest == mount.guest}
    found = []
    for use in volume.uses:
        is_ours = use.kind == "mount" and use.who in ours
        if is_ours or not (use.may_write or mount.writable):
            continue
        found.append(
            Finding(
                "refuse",
                f"{volume.full_name} {use.what}",
                "two systems that use one disk, each from its own memory, do not see each other's changes: "
                "what is read is a mixture, and what is written destroys",
                _way_out(mount, use.kind, use.who),
                "H803",
            )
        )
    return found


def _way_out(mount: Mount, kind: str, who: str) -> str:
    return {
        "guest": f"shut it down ({ending.by_hand(who)}); or list a snapshot under management.snapshots and mount that",
        "mount": f"unmount it (`umount {who}`), or take '{mount.guest}' out of management.mounts",
        "swap": f"give the volume of '{mount.guest}' another name: this one is the host's own",
        "loop": f"detach it (`losetup -d {who}`) unless you attached it on purpose",
        "holder": f"take the mapping away (`dmsetup remove {who}`, or `kpartx -d` on the volume)",
        "open": "find who it is (`fuser -v` on the volume) and end it",
    }[kind]


def contents(mount: Mount, table: Table, content: Content | None) -> list[Finding]:
    """Return why what is asked for cannot be mounted: no table to trust, no such partition, no file system."""
    if table.is_unread:
        return [without_tools()]
    if table.problems:
        return [Finding("refuse", *untrusted(table), "sfdisk(8)")]
    what = (
        f"Partition {mount.partition} of '{mount.guest}'"
        if mount.partition
        else f"The volume of '{mount.guest}'"
    )
    if content is None:
        return [_not_there(mount, table)]
    why = nature(table.label, table.partition(mount.partition) if mount.partition else None, content)
    if not why:
        return []
    return [
        Finding(
            "refuse",
            f"{what} holds {content.fstype or 'nothing that blkid knows'}: it cannot be mounted",
            why,
            "choose another partition, or take it out of management.mounts",
            "H804",
        )
    ]


def _not_there(mount: Mount, table: Table) -> Finding:
    known = ", ".join(str(p.number) for p in table.partitions)
    return Finding(
        "refuse",
        f"There is no partition {mount.partition} in {table.path}"
        if mount.partition
        else f"{table.path} has a partition table, so nothing fills it as a whole",
        f"its table has: {known}" if known else "it has no partition table; the guest has not made one yet",
        "correct management.mounts; 0 stands for a volume without a table",
        "H804",
    )


def windows(mount: Mount, state: Ntfs | None) -> list[Finding]:
    """Return what the way in which Windows left its disk forbids, or only makes worth saying (H803)."""
    if state is None or state.is_clean:
        return []
    if state.is_without_tool:
        return [
            Finding(
                "wait",
                "ntfs-3g, which reads Windows' disks, is missing",
                "it is not part of a minimal Debian",
                "run the step install_tools first",
                after="install_tools",
            )
        ]
    off = "start the guest and shut Windows down for good: `shutdown /s /t 0`, with Fast Startup switched off"
    if mount.writable or not state.is_readable:
        return [
            Finding(
                "refuse",
                f"Partition {mount.partition} of '{mount.guest}' may not be "
                + ("written to" if state.is_readable else "mounted"),
                state.why,
                off + ("; or mount it with `writable: false`" if state.is_readable else ""),
                "H803, ntfs-3g.probe(8)",
            )
        ]
    return [
        Finding(
            "warn",
            f"Partition {mount.partition} of '{mount.guest}' is mounted as Windows left it, in the middle of work",
            f"{state.why}; what Windows has not written yet is missing",
            "read it, and do not wonder about missing changes; for all of them: " + off,
            "H803, ntfs-3g.probe(8)",
        )
    ]


def folder(facts: Facts, at: str) -> list[Finding]:
    """Return a refusal when a folder is taken: by another mount, or by files that a mount would hide."""
    if mount := storage.parse(facts).mount(at):
        why, do = f"{mount.source} is mounted there", f"unmount it (`umount {at}`), or choose another folder"
    elif held := facts[inside(at)].out.strip():
        why, do = f"it holds {held}, which the mount would hide", "choose an empty folder, or empty it"
    else:
        return []
    return [Finding("refuse", f"{at} is in use", why, do, "mount(8)")]
