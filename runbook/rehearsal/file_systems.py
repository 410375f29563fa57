"""How each kind of file system is made anew, with the label and the UUID that it has on the machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

PACKAGES = {
    "ext2": "e2fsprogs", "ext3": "e2fsprogs", "ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs",
    "vfat": "dosfstools", "swap": "util-linux", "ntfs": "ntfs-3g", "exfat": "exfatprogs",
}  # fmt: skip
"""What brings the program that makes each kind."""
_WIDE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def make_file_system(kind: str, at: Sequence[str], label: str, uuid: str) -> str | None:
    """Return the command that makes one on devices (argv of a shell), None for a kind that is not made.

    >>> make_file_system("ext4", ["${disk}1-part2"], "boot", "00000000-0000-4000-8000-000000000004")
    'mkfs.ext4 -q -F -L boot -U 00000000-0000-4000-8000-000000000004 ${disk}1-part2'
    >>> make_file_system("zfs_member", ["${disk}1"], "tank", "1") is None
    True
    """
    name = shlex.quote(label)
    wide = uuid if _WIDE.fullmatch(uuid) else ""
    short = uuid.replace("-", "") if re.fullmatch(r"[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}", uuid) else ""
    argv = {
        "ext": ["mkfs.{kind}", "-q", "-F", *(["-L", name] if label else []), *(["-U", wide] if wide else [])],
        "xfs": [
            "mkfs.xfs",
            "-q",
            "-f",
            *(["-L", name] if label else []),
            *(["-m", f"uuid={wide}"] if wide else []),
        ],
        "btrfs": [
            "mkfs.btrfs",
            "-q",
            "-f",
            *(["-L", name] if label else []),
            *(["-U", wide] if wide else []),
        ],
        "vfat": [
            "mkfs.vfat",
            "-F",
            "32",
            *(["-n", name] if label else []),
            *(["-i", short] if short else []),
        ],
        "swap": ["mkswap", "-q", *(["-L", name] if label else []), *(["-U", wide] if wide else [])],
        "ntfs": ["mkfs.ntfs", "-Q", "-q", "-F", *(["-L", name] if label else [])],
        "exfat": ["mkfs.exfat", *(["-L", name] if label else [])],
    }.get("ext" if kind.startswith("ext") else kind)
    if argv is None or kind not in PACKAGES:
        return None
    quiet = " >/dev/null" if kind in ("vfat", "exfat") else ""
    return " ".join([argv[0].format(kind=kind), *argv[1:], *at]) + quiet


def mounted(at: str, place: str, kind: str, options: tuple[str, ...]) -> str:
    """Return the commands that mount a file system, a subvolume of btrfs made before.

    >>> mounted("${disk}1-part2", "/target/home", "btrfs", ("rw", "subvol=/@home"))
    'mount ${disk}1-part2 /mnt; btrfs -q subvolume create /mnt/@home; umount /mnt; mkdir -p /target/home; \
mount -o subvol=/@home ${disk}1-part2 /target/home'
    """
    subvolume = next((o.removeprefix("subvol=") for o in options if o.startswith("subvol=")), "/")
    if kind != "btrfs" or subvolume == "/":
        return f"mkdir -p {place}; mount {at} {place}"
    inside, chosen = shlex.quote(f"/mnt{subvolume}"), shlex.quote(f"subvol={subvolume}")
    return (
        f"mount {at} /mnt; btrfs -q subvolume create {inside}; umount /mnt; mkdir -p {place}; "
        f"mount -o {chosen} {at} {place}"
    )
