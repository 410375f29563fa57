"""What differs between Debian releases, as data. A step asks the release, never for its name."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.errors import ParamsError


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
    """Packages of a working host, with what Debian only recommends named (facts §3)."""


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
)

RELEASES = {
    "trixie": Release("trixie", "13", "4.20", "6.12", "/usr/sbin/xl", _PACKAGES),
    "bookworm": Release("bookworm", "12", "4.17", "6.1", "/usr/sbin/xl", _PACKAGES),
}


def get(name: str) -> Release:
    """Return a release's facts. Raises `ParamsError` for one that cannot be installed yet."""
    try:
        return RELEASES[name]
    except KeyError:
        raise ParamsError(
            f"The release '{name}' cannot be planned yet",
            why="the runbook knows how to build " + " and ".join(sorted(RELEASES)),
            do="set `release: trixie`",
        ) from None
