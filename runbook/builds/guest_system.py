"""The recipe of a guest's system: a small Debian with its kernel, packed, and the loaders that start it from a disk.

The clean root is itself the system. Nothing of one guest is in it, so one image serves all of a kind: name, keys,
network and the disk's identity are written by the host, into the guest's volume (`runbook.guests.system`).
"""

from __future__ import annotations

from importlib.resources import files

from runbook.builds.recipe import Recipe
from runbook.params.guest_system import System

IMAGE = "system.tar.gz"
LOADERS = ("boot.img", "core.img", "esp.img")
"""What starts it: of a BIOS the first sector and what stands behind it, and a whole EFI partition."""
ESP_MIB = 16
PACKAGES = (
    "linux-image-amd64", "initramfs-tools", "systemd-sysv", "dbus", "udev", "systemd-resolved", "systemd-timesyncd",
    "openssh-server", "iproute2", "iputils-ping", "ca-certificates", "less", "nano",
    "grub-efi-amd64-bin", "grub-pc-bin", "grub-common", "dosfstools", "mtools",
)  # fmt: skip
"""A small Debian that is a machine of its own; the loaders' packages stay in it, so that it can renew them."""


def recipe(system: System) -> Recipe:
    """Return the recipe of the image of a system. It leaves `IMAGE` and `LOADERS` in /build/out."""
    return Recipe(
        name="guest-system",
        release=system.debian,
        packages=(*PACKAGES, *sorted(set(system.packages) - set(PACKAGES))),
        script=(files("runbook.builds") / "guest_system.sh").read_text(encoding="utf-8"),
        mirror=system.mirror,
        results=(IMAGE, *LOADERS, "packages.txt"),
        needs_mib=3072,
    )
