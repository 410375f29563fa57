"""What an installer does inside the machine and a controller cannot do from outside.

Afterwards a person would call it a fresh Debian 13 machine with an empty volume group `guests`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from runbook.testbed.console import console_tail
from runbook.testbed.errors import TestbedError, tail

VOLUME_GROUP = "guests"
DATA_DISK = "/dev/vdb"

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
    ("sync",),
)


def provision(ssh: tuple[str, ...], console_log: Path) -> None:
    """Run every command over `ssh` (an argv prefix); raise `TestbedError` at the first that fails."""
    for argv in COMMANDS:
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
