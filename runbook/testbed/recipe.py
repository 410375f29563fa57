"""What the virtual PC's system disk is made of: packages, partitions, files. Values only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runbook.controller.apt_sources import AptSource, as_deb822, as_lines

MIB = 1024 * 1024

#: What an installer leaves on every release.
PACKAGES = (
    "apt-utils", "bash-completion", "ca-certificates", "cron", "dbus", "e2fsprogs",
    "efibootmgr", "fdisk", "grub-efi-amd64", "ifupdown", "initramfs-tools", "iproute2",
    "iputils-ping", "kmod", "less", "libpam-systemd", "linux-image-amd64", "logrotate", "lvm2",
    "nano", "netbase", "openssh-server", "openssh-sftp-server", "pciutils", "procps", "sudo",
    "systemd-sysv", "tzdata", "udev", "usbutils", "zstd",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how the base disk comes out, except its random identities."""

    sources: tuple[AptSource, ...]
    release: str = "trixie"
    hostname: str = "testbed"
    first_nic: str = "enp0s3"
    packages: tuple[str, ...] = PACKAGES
    apt_options: tuple[tuple[str, str], ...] = ()
    esp_mib: int = 512
    boot_mib: int = 1024
    root_mib: int = 10240
    one_line_sources: bool = False
    files: tuple[tuple[str, int, str], ...] = ()
    """Path, mode and text of further files; they go before those that an installer writes."""
    links: tuple[tuple[str, str], ...] = ()
    """Path and target of symbolic links, which go before files."""
    hooks: tuple[str, ...] = ()
    """Shell commands that are run in the bootstrapped system, in a chroot."""
    kernel_options: tuple[str, ...] = ()
    """Words for the kernel's line, at the first boot and at all later ones."""
    login: str = "root"
    """Whose account the disk's key opens; another than root is made by a hook."""

    def key(self, code: Iterable[Path] = ()) -> str:
        """A short digest of the recipe and of the modules that follow it: the cache's key."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for path in code:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]


def of_release(release: str, **more: Any) -> Recipe:
    """The recipe of a release's machine: its name, and what that release's installer leaves."""
    return Recipe(release=release, **_OF_RELEASE[release], **more)


#: ifupdown's DHCP client and the form of apt's sources are not the same.
_OF_RELEASE: dict[str, dict[str, Any]] = {
    "trixie": {"packages": (*PACKAGES, "dhcpcd-base")},
    "bookworm": {
        "hostname": "testbed-bookworm",
        "packages": (*PACKAGES, "isc-dhcp-client"),
        "one_line_sources": True,
    },
}


@dataclass(frozen=True)
class Identity:
    """What is drawn afresh for each built disk."""

    esp_id: str
    boot_uuid: str
    root_uuid: str
    machine_id: str
    authorized_key: str


@dataclass(frozen=True)
class Partition:
    """One entry of the partition table; `start_mib` and `size_mib` count from the disk's start."""

    name: str
    kind: str
    start_mib: int
    size_mib: int

    @property
    def offset(self) -> int:
        """Where it starts, in bytes."""
        return self.start_mib * MIB


def partitions(recipe: Recipe) -> tuple[Partition, Partition, Partition]:
    """ESP, /boot and /: aligned to 1 MiB, one behind the other."""
    esp = Partition("esp", "uefi", 1, recipe.esp_mib)
    boot = Partition("boot", "linux", 1 + recipe.esp_mib, recipe.boot_mib)
    root = Partition("root", "linux", 1 + recipe.esp_mib + recipe.boot_mib, recipe.root_mib)
    return esp, boot, root


def disk_mib(recipe: Recipe) -> int:
    """The size of the whole disk: the partitions and both copies of the table."""
    return recipe.esp_mib + recipe.boot_mib + recipe.root_mib + 2


def sfdisk_script(recipe: Recipe) -> str:
    """The partition table in sfdisk(8)'s words."""
    lines = [
        f'start={p.start_mib}MiB, size={p.size_mib}MiB, type={p.kind}, name="{p.name}"'
        for p in partitions(recipe)
    ]
    return "\n".join(["label: gpt", *lines]) + "\n"


def files(recipe: Recipe, ident: Identity, kernel: str) -> dict[str, tuple[int, str]]:
    """Path → (mode, text) of the files that an installer would have written, and of the recipe's own."""
    apt = "".join(f'{name} "{value}";\n' for name, value in recipe.apt_options)
    found = {
        "etc/hostname": (0o644, f"{recipe.hostname}\n"),
        "etc/hosts": (
            0o644,
            f"127.0.0.1\tlocalhost\n127.0.1.1\t{recipe.hostname}\n\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        ),
        "etc/machine-id": (0o444, f"{ident.machine_id}\n"),
        "etc/fstab": (0o644, _fstab(ident)),
        "etc/default/locale": (0o644, "LANG=C.UTF-8\n"),
        **({"etc/network/interfaces": (0o644, _interfaces(recipe))} if "ifupdown" in recipe.packages else {}),
        "etc/default/grub.d/serial-console.cfg": (0o644, _grub_defaults(recipe)),
        **_apt_sources(recipe),
        **({"etc/apt/apt.conf.d/90mirror": (0o644, apt)} if apt else {}),
        "etc/resolv.conf": (0o644, ""),
        # Root's own file too: sshd takes keys from a file that root owns, and reads it as who logs in.
        f"{_home(recipe.login)}/.ssh/authorized_keys": (
            0o600 if recipe.login == "root" else 0o644,
            ident.authorized_key,
        ),
        "boot/grub/grub.cfg": (0o600, _first_menu(recipe, ident, kernel)),
        **{path.lstrip("/"): (mode, text) for path, mode, text in recipe.files},
    }
    linked = {path.lstrip("/") for path, _ in recipe.links}
    return {path: file for path, file in found.items() if path not in linked}


def _home(login: str) -> str:
    return "root" if login == "root" else f"home/{login}"


def _apt_sources(recipe: Recipe) -> dict[str, tuple[int, str]]:
    if recipe.one_line_sources:
        return {"etc/apt/sources.list": (0o644, "".join(f"{line}\n" for line in as_lines(recipe.sources)))}
    return {
        "etc/apt/sources.list.d/debian.sources": (0o644, as_deb822(recipe.sources)),
        "etc/apt/sources.list": (0o644, "# See /etc/apt/sources.list.d/debian.sources\n"),
    }


def esp_grub_cfg(ident: Identity) -> str:
    """What GRUB reads first, on the ESP: it only points to /boot."""
    return f"search.fs_uuid {ident.boot_uuid} root\nset prefix=($root)/grub\nconfigfile $prefix/grub.cfg\n"


def _fstab(ident: Identity) -> str:
    return (
        "# <file system> <mount point> <type> <options> <dump> <pass>\n"
        f"UUID={ident.root_uuid} /         ext4 errors=remount-ro 0 1\n"
        f"UUID={ident.boot_uuid} /boot     ext4 defaults          0 2\n"
        f"UUID={ident.esp_id[:4]}-{ident.esp_id[4:]} /boot/efi vfat umask=0077        0 1\n"
    )


def _interfaces(recipe: Recipe) -> str:
    return (
        "# This file describes the network interfaces available on your system\n"
        "# and how to activate them. For more information, see interfaces(5).\n\n"
        "source /etc/network/interfaces.d/*\n\n"
        "# The loopback network interface\nauto lo\niface lo inet loopback\n\n"
        f"# The primary network interface\nallow-hotplug {recipe.first_nic}\niface {recipe.first_nic} inet dhcp\n"
    )


def _grub_defaults(recipe: Recipe) -> str:
    """The machine has a serial port and no screen; its own update-grub must keep saying so."""
    return f'GRUB_TERMINAL="console"\nGRUB_CMDLINE_LINUX="{_words(recipe)}"\n'


def _words(recipe: Recipe) -> str:
    return " ".join(("console=ttyS0,115200n8", *recipe.kernel_options))


def _first_menu(recipe: Recipe, ident: Identity, kernel: str) -> str:
    """The menu of the very first boot; the machine's own update-grub replaces it."""
    return (
        "insmod part_gpt\ninsmod ext2\n"
        f"search --no-floppy --fs-uuid --set=root {ident.boot_uuid}\n"
        f"linux /vmlinuz-{kernel} root=UUID={ident.root_uuid} ro {_words(recipe)} quiet\n"
        f"initrd /initrd.img-{kernel}\nboot\n"
    )
