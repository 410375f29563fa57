"""The guests with which the virtual PC proves guests' systems, and the parameters that ask for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.builds import ovmf

NETWORK = "10.0.2"
"""The network of QEMU's first card, whose bridge comes first; its DHCP gives dom0 the address 15 and is not asked for more."""
CONSENTS = ("install_systems",)


@dataclass(frozen=True)
class Asked:
    """One guest that gets a system, as one kind of virtual machine."""

    name: str
    number: int
    kind: str
    """`pvh`, `pv` or `hvm`, or `uefi` for an HVM guest with that firmware."""

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{NETWORK}.{self.number}"

    @property
    def guest_type(self) -> str:
        """What its kernel calls itself in /sys/hypervisor/guest_type (Linux, sysfs-hypervisor-xen)."""
        return "HVM" if self.kind == "uefi" else self.kind.upper()

    @property
    def firmware(self) -> str:
        """What its kernel says that it was started by: `efi`, or `none` where /sys/firmware/efi is not there."""
        return "efi" if self.kind == "uefi" else "none"

    def values(self, release: str, bridge: str, key: str) -> dict[str, object]:
        """Return it as it stands under `guests`."""
        uefi = {"type": "hvm", "firmware": "uefi", "firmware_image": ovmf.IMAGE}
        return {
            "name": self.name,
            **(uefi if self.kind == "uefi" else {"type": self.kind}),
            "memory_mib": 384,
            "volume": {"name": self.name, "size_gib": 2},
            "nics": [{"bridge": bridge, "mac": f"00:16:3e:14:05:{self.number:02x}"}],
            "system": {"debian": release, "keys": [key], "ipv4": f"{self.address}/24"},
            "start": True,
        }


FIRST, SECOND = "system-proof", "system-second"
KINDS = ("pvh", "pv", "uefi", "hvm")
"""What the first guest is in turn, all from one disk. By a BIOS last: SeaBIOS reads the kernel word by word through a port
(PIO), which takes an emulator within an emulator longer than the step waits."""
STAGES = (Asked(FIRST, 20, "pvh"), Asked(SECOND, 21, "pvh"), *(Asked(FIRST, 20, kind) for kind in KINDS[1:]))
"""What is proven, in this order. The second guest's image is kept from the first."""


def write(file: Path, of_machine: dict[str, Any], asked: Asked, key: str) -> Path:
    """Write a machine's parameters with this guest in place of all others, and return the file. JSON is YAML."""
    devices = [{**device, "probe": "none"} for device in of_machine["passthrough"]["devices"]]
    bridge = of_machine["network"]["bridges"][0]["name"]
    values = {
        **of_machine,
        "passthrough": {"devices": devices},
        "guests": [asked.values(of_machine["release"], bridge, key)],
        "management": {},
        "consent": [*of_machine["consent"], *CONSENTS],
    }
    file.write_text(json.dumps(values, indent=1) + "\n")
    return file
