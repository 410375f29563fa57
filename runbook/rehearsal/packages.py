"""Which packages the machine made like another one has."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runbook.facts.likeness import Likeness
from runbook.testbed.machines.model import Pc
from runbook.testbed.recipe import of_release

_NEEDED = ("lvm2", "e2fsprogs", "fdisk", "openssh-server", "openssh-sftp-server", "linux-image-amd64", "initramfs-tools",
           "systemd-sysv", "udev", "zstd", "sudo", "iproute2", "dbus", "kmod", "procps", "efibootmgr", "ca-certificates")  # fmt: skip
"""What the virtual PC is built with, whether the host has it or not."""
LATE = ("ifupdown", "dhcpcd-base", "isc-dhcp-client")
"""What the plain system reaches its network with: it goes when the disks are made, and not before."""
_VERSIONED = re.compile(
    r"linux-(image|headers|kbuild|base)-\d.*|.*-\d+\.\d+\.\d+\S*-amd64|grub-efi-amd64-signed|shim-.*"
)


def wanted(seen: Likeness, pc: Pc) -> tuple[str, ...]:
    """Return the packages that the host has, kernels by what keeps them new."""
    names = {name for name, _, _ in seen.packages if not _VERSIONED.fullmatch(name)}
    return tuple(names | ({"grub-pc", "grub-efi-amd64-bin"} if pc.firmware == "bios" else set()))


def without(seen: Likeness, is_whole: bool, pc: Pc, release: str) -> tuple[str, ...]:
    """Return what an installer brings and the host has no more."""
    has = {name for name, _, _ in seen.packages}
    plain = of_release("bookworm" if release == "bookworm" else "trixie", sources=()).packages
    gone = {name for name in plain if name not in has and name not in _NEEDED} if is_whole else set()
    gone.discard("grub-efi-amd64")
    return tuple(sorted(gone | ({"grub-efi-amd64"} if pc.firmware == "bios" else set())))


def purged(names: Iterable[str]) -> list[str]:
    """Return the command that takes packages away, where they are there; none for no packages."""
    look = 'if dpkg-query -W "$p" >/dev/null 2>&1; then dpkg --purge --force-depends "$p"; fi'
    found = " ".join(names)
    return [f"for p in {found}; do {look}; done"] if found else []
