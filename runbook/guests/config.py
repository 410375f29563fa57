"""The xl.cfg of one guest, written so that a person can read it (xl.cfg(5))."""

from __future__ import annotations

import uuid

from runbook.guests import seal
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.host import Device
from runbook.releases import Release

FOLDER = "/etc/xen"
VIRIDIAN = ("defaults", "stimer", "reference_tsc", "hcall_remote_tlb_flush")


def path_of(name: str) -> str:
    """Return where a guest's configuration stands on the host.

    >>> path_of("ipfire")
    '/etc/xen/ipfire.cfg'
    """
    return f"{FOLDER}/{name}.cfg"


def volume_of(params: HostParams, guest: Guest) -> str:
    """Return the path of a guest's disk on the host, such as /dev/guests/ipfire."""
    return f"/dev/{params.storage.guest_volume_group}/{guest.volume.name}"


def uuid_of(params: HostParams, guest: Guest) -> str:
    """Return the guest's identity: the same at every start, another one on every host.

    xl draws a new one at each start otherwise, and Windows sees a new mainboard (H704).
    """
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{guest.name}.{params.host}"))


def render(params: HostParams, guest: Guest, release: Release, installed: bool) -> str:
    """Return the text of /etc/xen/NAME.cfg, the same for the same parameters.

    `installed` tells whether the volume holds a partition table: as long as it does not, a guest
    with `install_media` starts from that disc; afterwards from its disk, the disc still in reach (H701).
    """
    parts = (
        _head(params, guest, release),
        _machine(guest),
        _storage(params, guest, installed),
        _network(guest),
        _devices(params, guest),
        _screen(guest),
        _ending(),
    )
    return seal.sealed("\n".join("".join(f"{line}\n" for line in part) for part in parts if part))


def pci_words(device: Device) -> str:
    """Return one device as `pci` of xl.cfg(5) wants it.

    Permissive is said per device, never for all (H614); `rdm_policy` is said only where it
    differs from xl's own `strict` (H711).
    """
    parts = [device.bdf]
    if device.rdm_policy != "strict":
        parts.append(f"rdm_policy={device.rdm_policy}")
    if device.permissive:
        parts.append("permissive=1")
    return ",".join(parts)


MARK = "The runbook writes this file from its parameters:"


def is_ours(text: str) -> bool:
    """Return whether the runbook wrote a configuration: what a person wrote is that person's.

    >>> is_ours('name = "web"\\nmemory = 512\\n')
    False
    """
    return MARK in text


def _head(params: HostParams, guest: Guest, release: Release) -> list[str]:
    title = f"{guest.name}: {_one_line(guest.what)}" if guest.what else guest.name
    return [
        f"# {title}",
        f"# For Xen {release.xen} on {params.host}. {MARK}",
        "# change those, not this. Every word is explained in xl.cfg(5).",
        "",
        f'name = "{guest.name}"',
        f'uuid = "{uuid_of(params, guest)}"',
    ]


def _machine(guest: Guest) -> list[str]:
    lines = [
        "# A whole PC (HVM) with a classic BIOS. Memory in MiB, all of it given at the start.",
        'type = "hvm"',
        'firmware = "bios"',
        f"vcpus = {guest.vcpus}",
        f"memory = {guest.memory_mib}",
        f"maxmem = {guest.memory_mib}",
    ]
    if guest.mmio_hole_mib:
        lines += ["# Room below 4 GiB for a card's own memory, in MiB.", f"mmio_hole = {guest.mmio_hole_mib}"]
    if guest.os == "windows":
        groups = ", ".join(f'"{group}"' for group in VIRIDIAN)
        lines += [
            "# Windows wants a clock in local time, and runs better when it knows that it is a guest.",
            "localtime = 1",
            f"viridian = [ {groups} ]",
        ]
    return lines


def _storage(params: HostParams, guest: Guest, installed: bool) -> list[str]:
    disks = [f"format=raw, vdev=hda, access=rw, target={volume_of(params, guest)}"]
    if not guest.install_media:
        return [*_listed("disk", disks), 'boot = "c"']
    # `target=` takes the rest of the text, so that a path may hold spaces and commas.
    disks.append(f"format=raw, vdev=hdc, access=ro, devtype=cdrom, target={guest.install_media}")
    if installed:
        order = ["# From the disk first; the disc is there for a repair.", 'boot = "cd"']
    else:
        order = ["# The disk is still empty: from the disc first.", 'boot = "dc"']
    return [*_listed("disk", disks), *order]


def _network(guest: Guest) -> list[str]:
    cards = [f"mac={nic.mac}, bridge={nic.bridge}, model={nic.model}" for nic in guest.nics]
    return _listed("vif", cards) if cards else []


def _devices(params: HostParams, guest: Guest) -> list[str]:
    if not guest.pci:
        return []
    devices = [params.device_of(bdf) for bdf in guest.pci]
    notes = [f"#   {device.bdf}  {device.id}  {_one_line(device.what)}" for device in devices]
    specs = [pci_words(device) for device in devices]
    return ["# Devices of the host that are this guest's own:", *notes, *_listed("pci", specs)]


def _screen(guest: Guest) -> list[str]:
    return [
        f"# Its screen: VNC on port {5900 + guest.vnc_display}. Its serial port: `xl console {guest.name}`.",
        "vnc = 1",
        f'vnclisten = "{guest.vnc_listen}"',
        f"vncdisplay = {guest.vnc_display}",
        "vncunused = 0",
        'serial = "pty"',
        "usb = 1",
        'usbdevice = [ "tablet" ]',
    ]


def _ending() -> list[str]:
    return [
        "# A guest that crashes is kept, stopped, to be looked at.",
        'on_poweroff = "destroy"',
        'on_reboot = "restart"',
        'on_crash = "preserve"',
    ]


def _listed(key: str, values: list[str]) -> list[str]:
    return [f"{key} = [", *(f'    "{value}",' for value in values), "]"]


def _one_line(text: str) -> str:
    """Return free text that stays inside its comment."""
    return " ".join(text.split())
