"""What stands in the parts of a guest's xl.cfg: machine, disks, cards, screen, and how it ends."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from runbook.guests import drives
from runbook.guests.lines import Line
from runbook.params import HostParams
from runbook.params.guests import Guest, Nic, UsbController, UsbDevice

VIRIDIAN = ("defaults", "stimer", "reference_tsc", "hcall_remote_tlb_flush")
"""What suits Windows of today, beside the defaults of Xen."""
VGA, VGA_MIB = "stdvga", 16
"""Windows' own driver knows it up to 2560x1600; QEMU's cirrus ends at 1024x768."""
PVH_GRUB = "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"
"""Debian's package grub-xen-host has it; it starts 64-bit kernels, too."""
_MACHINES = {
    "hvm": "A whole PC (HVM) with a classic BIOS.",
    "pvh": "A guest that knows Xen (PVH): the host loads its kernel, there is no BIOS.",
    "pv": "A paravirtual guest (PV): the host loads its kernel, there is no BIOS.",
}
_CRASHES = {
    "preserve": "A guest that crashes is kept, stopped, to be looked at.",
    "restart": "A guest that crashes starts again.",
}


def machine(guest: Guest) -> Iterator[Line]:
    """Yield type, firmware, processors, memory and clock."""
    about = _MACHINES[guest.type]
    if guest.type == "hvm" and guest.firmware not in (None, "bios"):
        about = (
            "A whole PC (HVM) with UEFI."
            if guest.firmware == "uefi"
            else "A whole PC (HVM) with a loader of its own."
        )
    most = guest.max_memory_mib or guest.memory_mib
    given = ", all of it given at the start" if most == guest.memory_mib else ""
    yield Line("type", guest.type, (f"{about} Memory in MiB{given}.",))
    yield from _firmware(guest)
    yield Line("vcpus", guest.vcpus)
    yield Line("memory", guest.memory_mib)
    yield Line("maxmem", most)
    yield from _processors(guest)
    if guest.mmio_hole_mib:
        yield Line("mmio_hole", guest.mmio_hole_mib, ("Room below 4 GiB for a card's own memory, in MiB.",))
    yield from _clock(guest)


def _firmware(guest: Guest) -> Iterator[Line]:
    if guest.firmware_image:
        # xl warns of an image without the old word for what kind it is.
        yield Line("bios", "ovmf" if guest.firmware == "uefi" else "seabios")
        yield Line("bios_path_override", guest.firmware_image)
    elif guest.firmware or guest.type == "hvm":
        yield Line("firmware", guest.firmware or "bios")


def _processors(guest: Guest) -> Iterator[Line]:
    given = guest.processors
    options = {
        "maxvcpus": given.max_vcpus, "cpus": given.cpus, "cpus_soft": given.cpus_soft, "cpu_weight": given.weight,
        "cap": given.cap, "pool": given.pool, "nestedhvm": 1 if given.nested else None,
    }  # fmt: skip
    yield from (Line(key, value) for key, value in options.items() if value is not None)


def _clock(guest: Guest) -> Iterator[Line]:
    is_windows = guest.os == "windows"
    local = is_windows if guest.local_time is None else guest.local_time
    groups = (VIRIDIAN if is_windows else ()) if guest.viridian is None else guest.viridian
    about = ("Windows wants a clock in local time, and runs better when it knows that it is a guest.",)
    if local or guest.local_time is not None:
        yield Line("localtime", int(local), about if is_windows else ())
    if groups or guest.viridian is not None:
        yield Line("viridian", groups)


def storage(params: HostParams, guest: Guest, installed: bool) -> Iterator[Line]:
    """Yield the disks, and what the guest starts from."""
    if found := drives.specs(params, guest):
        yield Line("disk", found)
    if guest.type == "hvm":
        yield _order(guest, installed)
    boot = guest.boot
    if line := _starter(guest):
        yield line
    options = {
        "kernel": boot.kernel,
        "ramdisk": boot.ramdisk,
        "cmdline": boot.cmdline,
        "bootloader": boot.bootloader,
    }
    yield from (Line(key, value) for key, value in options.items() if value)
    if boot.bootloader_args:
        yield Line("bootloader_args", boot.bootloader_args)


def _starter(guest: Guest) -> Line | None:
    """Return what loads the kernel that a guest's own system has, None where something else is said or a PC does it."""
    if guest.system is None or guest.has_starter or guest.type == "hvm":
        return None
    if guest.type == "pvh":
        return Line(
            "kernel", PVH_GRUB, ("GRUB runs in the guest, and starts the kernel of the guest's own disk.",)
        )
    return Line("bootloader", "pygrub", ("dom0 takes the kernel from the guest's own disk.",))


def _order(guest: Guest, installed: bool) -> Line:
    if guest.boot.order:
        return Line("boot", guest.boot.order)
    if not guest.install_media:
        return Line("boot", "c")
    if installed:
        return Line("boot", "cd", ("From the disk first; the disc is there for a repair.",))
    return Line("boot", "dc", ("The disk is still empty: from the disc first.",))


def network(guest: Guest) -> Iterator[Line]:
    """Yield the virtual network cards."""
    if guest.nics:
        yield Line("vif", tuple(", ".join(_card(nic, guest.type)) for nic in guest.nics))


def _card(nic: Nic, kind: str) -> Iterator[str]:
    is_emulated = kind == "hvm" and nic.type != "vif"
    options = {
        "mac": nic.mac, "bridge": nic.bridge, "model": nic.model if is_emulated else None, "type": nic.type,
        "ip": nic.ip, "script": nic.script, "gatewaydev": nic.gatewaydev, "backend": nic.backend,
        "vifname": nic.vifname, "rate": nic.rate, "vlan": nic.vlan, "mtu": nic.mtu,
    }  # fmt: skip
    yield from (f"{key}={value}" for key, value in options.items() if value is not None)
    if nic.trusted is not None:
        yield "trusted" if nic.trusted else "untrusted"


def screen(guest: Guest, secret: Callable[[str], str]) -> Iterator[Line]:
    """Yield screen, serial ports, sound and USB: of QEMU's PC each a word, of others one paravirtual screen."""
    if guest.type != "hvm":
        yield from _paravirtual_screen(guest, secret)
    else:
        yield from _picture(guest)
        (first, shown), *rest = _vnc(guest, secret)
        yield Line(first, shown, (_about(guest),) if shown else ())
        yield from (Line(key, value) for key, value in rest)
        if guest.serial:
            yield Line("serial", guest.serial[0] if len(guest.serial) == 1 else guest.serial)
        if guest.sound:
            yield Line("soundhw", guest.sound)
        if guest.usb.devices:
            yield Line("usb", 1)
            yield Line("usbdevice", guest.usb.devices)
    if guest.usb.controllers:
        yield Line("usbctrl", tuple(map(_controller, guest.usb.controllers)))
    if guest.usb.passed:
        yield Line("usbdev", tuple(map(_usb_device, guest.usb.passed)))


def _about(guest: Guest) -> str:
    at = (
        "the first port from 5900 on that is free"
        if guest.vnc_display is None
        else f"port {5900 + guest.vnc_display}"
    )
    serial = f" Its serial port: `xl console {shlex.quote(guest.name)}`." if "pty" in guest.serial else ""
    return f"Its screen: VNC on {at}.{serial}"


def _picture(guest: Guest) -> Iterator[Line]:
    is_windows = guest.os == "windows"
    vga = guest.screen.vga or (VGA if is_windows else None)
    memory = guest.screen.memory_mib or (VGA_MIB if is_windows and vga == VGA else None)
    if vga:
        yield Line("vga", vga)
    if memory:
        yield Line("videoram", memory)


def _vnc(guest: Guest, secret: Callable[[str], str]) -> Iterator[tuple[str, str | int]]:
    if guest.screen.vnc is False:
        yield "vnc", 0
        return
    yield "vnc", 1
    yield "vnclisten", guest.vnc_listen
    if guest.vnc_display is not None:
        yield "vncdisplay", guest.vnc_display
    yield "vncunused", int(_takes_any(guest))
    if guest.screen.password:
        yield "vncpasswd", secret(guest.screen.password)


def _takes_any(guest: Guest) -> bool:
    """Return whether another display will do: it may where none was asked for."""
    wish = guest.screen.any_display
    return guest.vnc_display is None if wish is None else wish


def _paravirtual_screen(guest: Guest, secret: Callable[[str], str]) -> Iterator[Line]:
    is_wanted = guest.screen.vnc if guest.screen.vnc is not None else guest.vnc_display is not None
    if is_wanted:
        yield Line("vfb", (", ".join(f"{key}={value}" for key, value in _vnc(guest, secret)),))


def _controller(usb: UsbController) -> str:
    options = {"type": usb.type, "version": usb.version, "ports": usb.ports}
    return ", ".join(f"{key}={value}" for key, value in options.items() if value is not None)


def _usb_device(usb: UsbDevice) -> str:
    options = {
        "type": "hostdev",
        "hostbus": usb.bus,
        "hostaddr": usb.address,
        "controller": usb.controller,
        "port": usb.port,
    }
    return ", ".join(f"{key}={value}" for key, value in options.items() if value is not None)


def ending(guest: Guest) -> Iterator[Line]:
    """Yield what xl does when the guest ends, one way or the other."""
    crash = guest.ends_by_crash
    yield Line("on_poweroff", guest.on_poweroff, (_CRASHES[crash],) if crash in _CRASHES else ())
    yield Line("on_reboot", guest.on_reboot)
    yield Line("on_crash", crash)
    if guest.on_watchdog:
        yield Line("on_watchdog", guest.on_watchdog)
    if guest.on_soft_reset:
        yield Line("on_soft_reset", guest.on_soft_reset)
