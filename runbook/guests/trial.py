"""A guest on trial: the same machine on another disk, without network, devices, screen and sound."""

from __future__ import annotations

from runbook.guests import config
from runbook.params import HostParams
from runbook.params.guest_parts import Screen, Usb
from runbook.params.guests import Guest, Volume
from runbook.releases import Release

MOST_MIB = 2048
"""A guest on trial gets no more memory than this: it runs beside the original."""
_STARTING = {
    "kernel", "ramdisk", "cmdline", "root", "extra", "bootloader", "bootloader_args", "firmware", "bios", "machine",
    "acpi", "apic", "pae", "nx", "hap", "nestedhvm", "cpuid", "tsc_mode", "timer_mode", "hpet",
}  # fmt: skip
"""Keys of `extra` that a guest may need to start; what else stands there, it may have to the outside."""


def render(params: HostParams, guest: Guest, release: Release, name: str) -> str:
    """Return the xl.cfg of a guest on trial; `name` is its own name and that of its disk's volume."""
    disk = Volume(name=name, size_gib=guest.own_volumes[0].size_gib)
    memory = min(guest.memory_mib, MOST_MIB)
    changes = {
        "name": name, "uuid": None, "what": f"'{guest.name}' on trial, from its backup", "volume": disk, "disks": (),
        "nics": (), "pci": (), "usb": Usb(), "install_media": None, "system": None, "sound": None,
        "screen": Screen(vnc=False), "vnc_display": None, "vnc_listen": "127.0.0.1",
        "memory_mib": memory, "max_memory_mib": None, "autostart": None, "serial": ("pty",),
        "on_poweroff": "destroy", "on_reboot": "destroy", "on_crash": "destroy", "on_watchdog": "destroy",
        "extra": {key: value for key, value in guest.extra.items() if key in _STARTING},
    }  # fmt: skip
    return config.render(params, guest.model_copy(update=changes), release, installed=True)
