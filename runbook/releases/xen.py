"""Where a host's Xen comes from, and what differs by that. A step asks for the facts, never for the word."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.releases import Release

DEVICE_MODEL = "/usr/libexec/xen-qemu-system-i386"
"""From Debian's qemu-system-xen, whichever Xen it serves."""


@dataclass(frozen=True)
class Supply:
    """One way for Xen to come onto a host."""

    is_built: bool
    packages: tuple[str, ...]
    """What comes from Debian's archive."""
    services: tuple[str, ...]
    """The units that start with the host."""
    provider: str
    """The package that brings these units."""
    hypervisor: str
    """What its image in /boot is called, as a pattern."""
    clashes: tuple[str, ...]
    """Packages that cannot be on the same host (H505)."""

    @property
    def step(self) -> str:
        """The step that installs it."""
        return "install_built_xen" if self.is_built else "install_xen"


BUILT = "xen-upstream"
"""The one package that a build from source makes."""
_SERVICES = ("xenstored.service", "xen-init-dom0.service", "xenconsoled.service", "xendomains.service")
_REPLACED = ("xen-system-amd64", "xen-utils-common", "xenstore-utils")
"""Those of a release's packages whose work the built package does."""


def supply(source: str, release: Release) -> Supply:
    """Return what is true of a host whose `xen.source` is this."""
    debians = (
        "xen-system-amd64",
        f"xen-hypervisor-{release.xen}-amd64",
        "xen-hypervisor-common",
        f"xen-utils-{release.xen}",
        "xen-utils-common",
        "xenstore-utils",
    )
    if source == "packages":
        services = ("xen.service", "xendomains.service")
        pattern = "xen-*-amd64.gz"
        return Supply(False, release.xen_packages, services, "xen-utils-common", pattern, (BUILT,))
    wanted = tuple(name for name in release.xen_packages if name not in _REPLACED)
    return Supply(True, wanted, _SERVICES, BUILT, "xen-*.gz", debians)
