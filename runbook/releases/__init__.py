"""What differs between Debian releases, as data. A step asks the release, never for its name."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.errors import ParamsError

_TOOLS = ("fdisk", "ntfs-3g", "partclone", "zstd")


@dataclass(frozen=True)
class Release:
    """The facts of one Debian release that steps need."""

    name: str
    debian: str
    xen: str
    linux: str
    xl: str
    """Path of the `xl` that dom0 users call."""
    xen_packages: tuple[str, ...]
    """Packages of a working host, with what Debian only recommends named."""
    management_packages: tuple[str, ...] = _TOOLS
    """What notebook 09 reads, mounts and copies guests' disks with."""
    base_packages: tuple[str, ...] = ()
    """What Debian's installer adds to the base system of every machine, and ssh (notebook 02, live)."""
    suite: str = ""
    """The other name that mirrors carry it under."""
    reproduction: bool = False
    """True for the guide's own release: its commands are planned as they were, corrected, for study."""


_BASE = (
    "linux-image-amd64",
    "initramfs-tools",
    "lvm2",
    "ifupdown",
    "openssh-server",
    "locales",
    "console-setup",
    "ca-certificates",
    "dbus",
    "libpam-systemd",
    "zstd",
)

_PACKAGES = (
    "xen-system-amd64",
    "qemu-system-xen",
    "xen-utils-common",
    "xenstore-utils",
    "bridge-utils",
    "lvm2",
    "pciutils",
    "usbutils",
    "busybox-static",
    "bash-completion",
    # ntfs-3g has the initial RAM disk made anew: quick before Xen's first start, slow under it.
    *_TOOLS,
)

RELEASES = {
    "trixie": Release(
        "trixie",
        "13",
        "4.20",
        "6.12",
        "/usr/sbin/xl",
        _PACKAGES,
        base_packages=(*_BASE, "dhcpcd-base"),
        suite="stable",
    ),
    "wheezy": Release("wheezy", "7", "4.2", "3.11", "/usr/sbin/xl", (), reproduction=True),
    "bookworm": Release(
        "bookworm",
        "12",
        "4.17",
        "6.1",
        "/usr/sbin/xl",
        _PACKAGES,
        base_packages=(*_BASE, "isc-dhcp-client"),
        suite="oldstable",
    ),
}


def get(name: str) -> Release:
    """Return a release's facts. Raises `ParamsError` for one that nothing is known of."""
    try:
        return RELEASES[name]
    except KeyError:
        raise ParamsError(
            f"Nothing is known of the release '{name}'",
            why="the runbook knows " + " and ".join(sorted(RELEASES)),
            do="set `release: trixie`",
        ) from None
