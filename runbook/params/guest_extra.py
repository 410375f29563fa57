"""`extra` of a guest beside its fields: what one says, the other must not say as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIELDS = {
    "name": "name", "uuid": "uuid", "type": "type", "builder": "type", "vcpus": "vcpus", "memory": "memory_mib",
    "maxmem": "max_memory_mib", "firmware": "firmware", "bios": "firmware", "bios_path_override": "firmware_image",
    "maxvcpus": "processors.max_vcpus", "cpus": "processors.cpus", "cpus_soft": "processors.cpus_soft",
    "cpu_weight": "processors.weight", "cap": "processors.cap", "pool": "processors.pool",
    "nestedhvm": "processors.nested", "disk": "disks", "vif": "nics", "pci": "pci", "usbdevice": "usb.devices",
    "usbctrl": "usb.controllers", "usbdev": "usb.passed", "boot": "boot.order", "kernel": "boot.kernel",
    "ramdisk": "boot.ramdisk", "cmdline": "boot.cmdline", "extra": "boot.cmdline", "root": "boot.cmdline",
    "bootloader": "boot.bootloader", "bootloader_args": "boot.bootloader_args", "vncdisplay": "vnc_display",
    "vnclisten": "vnc_listen", "vnc": "screen.vnc", "vncunused": "screen.any_display",
    "vncpasswd": "screen.password", "vga": "screen.vga", "stdvga": "screen.vga", "videoram": "screen.memory_mib",
    "serial": "serial", "soundhw": "sound", "mmio_hole": "mmio_hole_mib", "localtime": "local_time",
    "viridian": "viridian", "on_poweroff": "on_poweroff", "on_reboot": "on_reboot", "on_crash": "on_crash",
    "on_watchdog": "on_watchdog", "on_soft_reset": "on_soft_reset",
}  # fmt: skip
"""Keys of xl.cfg(5) that a field says, and where it stands in the guest."""
ALWAYS = ("name", "type", "builder", "memory", "uuid")
"""Those that every configuration has, and that steps of the runbook go by."""
_DISKS = ("volume", "disks", "install_media")


def refuse_contradiction(guest: Any, extra: Mapping[str, Any]) -> None:
    """Raise `ValueError` where `extra` has a key that a field of the guest says: nobody could tell which counts."""
    for key in extra:
        if key not in FIELDS:
            continue
        places = _DISKS if key == "disk" else (FIELDS[key],)
        if key in ALWAYS or any(_is_said(guest, place) for place in places):
            raise ValueError(
                f"`extra` has `{key}`, which `{FIELDS[key]}` says; say it there, and take it out of `extra`"
            )


def _is_said(guest: Any, place: str) -> bool:
    """Return whether a field has another value than where nothing is said."""
    *above, name = place.split(".")
    for part in above:
        guest = getattr(guest, part)
    return bool(getattr(guest, name) != type(guest).model_fields[name].default)
