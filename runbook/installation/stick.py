"""The installer's stick: a disk image that UEFI starts from, made without root, mounts or loop devices.

GPT by sfdisk, FAT by mkfs.fat, files by mtools.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from runbook.errors import RunbookError

MIB = 1024 * 1024
#: The name of the stick's one partition: the installer never overwrites the disk that has it.
NAME = "runbook-installer"
TOOLS = {"sfdisk": "fdisk", "mkfs.fat": "dosfstools", "mmd": "mtools", "mcopy": "mtools"}
#: Where UEFI looks on removable media, and where Debian's GRUB looks for its menu.
PLACES = {"grubx64.efi": "EFI/BOOT/BOOTX64.EFI", "grub.cfg": "EFI/debian/grub.cfg"}
#: FAT32 wants at least 33 MiB, and files some air beside them.
AIR_MIB = 48


def write(out: Path, boot: dict[str, bytes], work: Path) -> None:
    """Write an image to `out` with one EFI system partition that holds the files of `boot`, by name."""
    parts = work / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    for name, data in boot.items():
        (parts / name).write_bytes(data)
    size = sum(map(len, boot.values())) // MIB + AIR_MIB
    disk = parts / "disk"
    disk.touch(0o600)  # it holds a password's hash
    os.truncate(disk, (size + 2) * MIB)
    _run(
        ["sfdisk", "--quiet", str(disk)],
        f'label: gpt\nstart=1MiB, size={size}MiB, type=uefi, name="{NAME}"\n',
    )
    _run(["mkfs.fat", "-F", "32", "-n", "RUNBOOK", "--offset", "2048", str(disk), str(size * 1024)])
    at = f"{disk}@@1M"
    _run(["mmd", "-i", at, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"])
    for name in boot:
        _run(["mcopy", "-i", at, str(parts / name), f"::/{PLACES.get(name, name)}"])
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(disk, out)
    shutil.rmtree(parts)


def _run(argv: list[str], stdin: str = "") -> None:
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": search_path()},
    )
    if done.returncode:
        raise RunbookError(
            f"Making the image failed at `{' '.join(argv)}`",
            why=(done.stderr or done.stdout).strip()[-800:],
            do="see whether the disk is full",
        )


def search_path() -> str:
    """PATH with the folders of the disk tools, which an ordinary user's PATH lacks."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
