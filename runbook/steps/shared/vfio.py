"""What a host that ran KVM with passthrough left: its devices go to vfio-pci, as early as ours to xen-pciback."""

from __future__ import annotations

from runbook.facts.modules import EARLY
from runbook.model.plan import Finding

DRIVER = "vfio-pci"


def leftover(seen: str) -> Finding:
    """Return that vfio-pci takes devices at the boot, with the way to be rid of it; `seen` says by what it shows."""
    return Finding(
        "warn",
        f"vfio-pci takes devices at the boot: {seen}",
        "under Xen only xen-pciback can pass a device, so hide_devices has it loaded before vfio-pci; on plain Debian "
        "vfio-pci takes it as before",
        f"leave it where KVM is still used on plain Debian; else take the lines vfio… out of {EARLY}, and `options vfio-pci` "
        "and `softdep … pre: vfio-pci` out of /etc/modprobe.d (`grep -r vfio /etc/modprobe.d` shows them), then run again",
        "H616",
    )
