"""What an installer does inside the machine and a controller cannot do from outside.

Afterwards a person would call it a fresh Debian machine with a volume group `guests`, in which the disk
of one guest, `comm`, is left over from an earlier life: a partition table, and a file system with files.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from runbook.testbed.console import console_tail
from runbook.testbed.errors import TestbedError, tail

VOLUME_GROUP = "guests"
DATA_DISK = "/dev/vdb"

#: A GPT with one ext4 file system behind the first MiB, which holds this machine's own /etc.
GUEST_DISK = f"""set -e; v=/dev/{VOLUME_GROUP}/comm
printf 'label: gpt\\nsize=900MiB, type=L, name="mail and files"\\n' | sfdisk -q --no-reread --no-tell-kernel $v
l=$(losetup -o 1048576 --sizelimit 943718400 --show -f $v)
mkfs.ext4 -q -L files -d /etc $l; sync; losetup -d $l"""

#: grub-reboot(8) and grub-set-default(8) need the real /boot/grub with its modules and grubenv.
COMMANDS: tuple[tuple[str, ...], ...] = (
    (
        "grub-install",
        "--target=x86_64-efi",
        "--efi-directory=/boot/efi",
        "--bootloader-id=debian",
        "--force-extra-removable",
    ),
    ("update-grub",),
    ("grub-editenv", "/boot/grub/grubenv", "create"),
    ("pvcreate", "--yes", DATA_DISK),
    ("vgcreate", VOLUME_GROUP, DATA_DISK),
    ("lvcreate", "--yes", "--size", "1g", "--name", "comm", VOLUME_GROUP),
    ("sh", "-c", shlex.quote(GUEST_DISK)),
    ("sync",),
)


def provision(
    ssh: tuple[str, ...], console_log: Path, commands: tuple[tuple[str, ...], ...] = COMMANDS
) -> None:
    """Run every command over `ssh` (an argv prefix); raise `TestbedError` at the first that fails."""
    for argv in commands:
        done = subprocess.run(
            [*ssh, "LC_ALL=C.UTF-8", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            raise TestbedError(
                f"setting up the fresh testbed: `{' '.join(argv)}` failed (exit {done.returncode})",
                where="the virtual PC, as root over ssh",
                why=tail(done.stdout + done.stderr, 12) + "\nconsole:\n" + console_tail(console_log, 5),
                next_move="start over with a fresh machine: runbook testbed up --fresh",
            )
