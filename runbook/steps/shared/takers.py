"""What a host that ran KVM with passthrough left: its devices go to vfio-pci or pci-stub, as early as ours to xen-pciback."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.facts.modules import EARLY
from runbook.model.plan import Finding

DRIVERS = ("vfio-pci", "pci-stub")
"""Drivers that take whatever device they are told to: KVM's of today, and the one that was used before it."""


def holding(held: Iterable[tuple[str, str]]) -> list[Finding]:
    """Return a finding for each of these drivers that holds devices, of `(driver, bdf)`."""
    pairs = list(held)
    taken = {driver: [bdf for name, bdf in pairs if name == driver] for driver in DRIVERS}
    return [leftover(driver, f"{', '.join(of)} is bound to {driver}") for driver, of in taken.items() if of]


def leftover(driver: str, seen: str) -> Finding:
    """Return that a driver takes devices at the boot, with the way to be rid of it; `seen` says by what it shows."""
    lines, word = ("lines vfio…", "vfio") if driver == "vfio-pci" else ("line pci_stub", "pci.stub")
    return Finding(
        "warn",
        f"{driver} takes devices at the boot: {seen}",
        f"under Xen only xen-pciback can pass a device, so hide_devices has it loaded before {driver}; on plain Debian "
        f"{driver} takes it as before",
        f"leave it where KVM is still used on plain Debian; else take the {lines} out of {EARLY}, and `options {driver}` "
        f"and `softdep … pre: {driver}` out of /etc/modprobe.d (`grep -r {word} /etc/modprobe.d` shows them; what driverctl "
        "holds `driverctl list-overrides` shows, and `driverctl unset-override ADDRESS` ends: it would take the device from "
        "xen-pciback too), then run again",
        "H616",
    )
