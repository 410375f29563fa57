"""The recipe of a guest's system: a small Debian with its kernel, packed, and the loaders that start it from a disk;
or a cloud image, made a plain disk.

The clean root is itself the system. Nothing of one guest is in it, so one image serves all of a kind: name, keys,
network and the disk's identity are written by the host, into the guest's volume (`runbook.guests.system`).
"""

from __future__ import annotations

from importlib.resources import files

from runbook.builds.recipe import Recipe, Source
from runbook.params import guest_roles
from runbook.params.guest_system import System
from runbook.params.guests import Guest

IMAGE = "system.tar.gz"
LOADERS = ("boot.img", "core.img", "esp.img")
"""What starts it: of a BIOS the first sector and what stands behind it, and a whole EFI partition."""
ESP_MIB = 16
PACKAGES = (
    "initramfs-tools", "systemd-sysv", "dbus", "udev", "systemd-resolved", "systemd-timesyncd",
    "openssh-server", "iproute2", "iputils-ping", "ca-certificates", "less", "nano",
    "grub-efi-amd64-bin", "grub-pc-bin", "grub-common", "dosfstools", "mtools",
)  # fmt: skip
"""A small Debian that is a machine of its own; the loaders' packages stay in it, so that it can renew them."""
SMALL, WHOLE = "linux-image-cloud-amd64", "linux-image-amd64"
"""Debian's kernel for virtual machines, a third as large; and the one with the drivers of real devices."""


CLOUD = ("disk.raw.gz", "disk.bytes")
"""What becomes of a cloud image: the whole disk, and how large it is."""
_CLOUD_RELEASE = "trixie"
"""The Debian whose qemu-img reads a cloud image, whatever system is in it."""


def recipe(guest: Guest) -> Recipe:
    """Return the recipe of the image of a guest's system. It leaves what `parts` names in /build/out.

    A guest that is given devices has their drivers; a kernel among `system.packages` is taken in place of either.
    """
    system = guest.system
    if system is None:
        raise ValueError(f"the guest {guest.name} gets no system")
    if system.debian is None:
        return _cloud(system)
    own = {name for name in system.packages if name.startswith("linux-image-")}
    has_devices = guest.pci or guest.usb.passed or guest.sound
    kernel = own or {WHOLE if has_devices else SMALL}
    for_role = guest_roles.PACKAGES[system.role.kind] if system.role else ()
    return Recipe(
        name="guest-system",
        release=system.debian,
        packages=(*PACKAGES, *sorted((kernel | set(system.packages) | set(for_role)) - set(PACKAGES))),
        script=_script("guest_system.sh"),
        mirror=system.mirror,
        results=(IMAGE, *LOADERS, "packages.txt"),
        needs_mib=3072,
    )


def parts(guest: Guest) -> tuple[str, ...]:
    """Return the files of the image that the host needs."""
    return CLOUD if guest.system and guest.system.cloud else (IMAGE, *LOADERS)


def _cloud(system: System) -> Recipe:
    """Return the recipe that makes a plain disk of a cloud image.

    A program reads the image that came from elsewhere: here, where it is nobody, and never on the host.
    """
    where, checksum = system.cloud or "", system.sha256 or ""
    is_far = where.startswith("https://")
    return Recipe(
        name="cloud-image",
        release=_CLOUD_RELEASE,
        packages=("qemu-utils", *(("ca-certificates", "wget") if is_far else ())),
        fetch=f"wget --no-verbose --https-only -O sources/image {where}\n" if is_far else "",
        script=_script("cloud_image.sh"),
        sources=() if is_far else (Source("image", where, checksum),),
        checksums=(("image", checksum),) if is_far else (),
        results=CLOUD,
        needs_mib=16384,
    )


def _script(name: str) -> str:
    return (files("runbook.builds") / name).read_text(encoding="utf-8")
