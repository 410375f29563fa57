"""Disks, cards, devices and USB of a guest: out of a configuration that is there."""

from __future__ import annotations

from pydantic import ValidationError

from runbook.guests import drives
from runbook.guests.adoption import words
from runbook.guests.adoption.reading import Fields, Reading
from runbook.guests.syntax import number_of
from runbook.params.guest_disks import KINDS, Disk


def disks(reading: Reading) -> None:
    """Take the disks, without their drives where those are the ones they get by themselves."""
    specs = reading.listed("disk")
    found = [words.disk(spec, reading.group, reading.size_gib) for spec in specs]
    made = [one for one in found if one]
    names = [one["vdev"] for one in made]
    media = [str([one.get(kind) for kind in KINDS]) for one in made if "cd" not in one]
    if (
        len(made) < len(specs)
        or len(set(names)) < len(names)
        or len(set(media)) < len(media)
        or "disk" not in reading.rest
    ):
        return
    reading.pop("disks", "disk")
    bare = [{key: value for key, value in one.items() if key != "vdev"} for one in made]
    try:
        by_itself = tuple(drives.drives(reading.kind, [Disk.model_validate(one) for one in bare]))
    except ValidationError:
        by_itself = ()
    if by_itself == tuple(names):
        made = bare
    only = made[0] if len(made) == 1 else {}
    if set(only) == {"volume", "size_gib"}:
        reading.guest["volume"] = {"name": only["volume"], "size_gib": only["size_gib"]}
        reading.origin["volume"] = reading.origin.pop("disks")
    elif made:
        reading.guest["disks"] = made


def cards(reading: Reading) -> None:
    """Take the network cards."""
    specs = reading.listed("vif")
    found = [words.card(spec, reading.kind, reading.bridge) for spec in specs]
    addresses = [nic["mac"] for nic in found if nic and "mac" in nic]
    if specs and None not in found and len(set(addresses)) == len(addresses):
        reading.pop("nics", "vif")
        reading.guest["nics"] = found


def passed(reading: Reading) -> None:
    """Take the passed-through devices, and what the file says for all of them."""
    names = ("permissive", "msitranslate", "power_mgmt", "seize")
    usual = {name: number_of(reading.rest.get(f"pci_{name}", 0)) == 1 for name in names}
    specs = reading.listed("pci")
    found = [words.device(spec, usual) for spec in specs]
    made = dict(one for one in found if one)
    if specs and reading.kind != "pvh" and len(made) == len(specs):
        reading.pop("pci", "pci", *(f"pci_{name}" for name in names))
        reading.guest["pci"], reading.devices = list(made), made


def usb(reading: Reading) -> None:
    """Take USB: what QEMU plugs in, controllers, and devices of the host."""
    found: Fields = {}
    if reading.kind == "hvm":
        found |= _emulated(reading)
    for key, name, read in (
        ("usbctrl", "controllers", words.usb_controller),
        ("usbdev", "passed", words.usb_device),
    ):
        specs = [read(spec) for spec in reading.listed(key)]
        if specs and None not in specs:
            reading.pop("usb", key)
            found[name] = specs
    reading.put("usb", found, {})


def _emulated(reading: Reading) -> Fields:
    value = reading.rest.get("usbdevice")
    names = (str(value),) if isinstance(value, str | int) and value != "" else reading.listed("usbdevice")
    if names:
        # With a device named there is USB, whether `usb` says so or not.
        reading.pop("usb", "usbdevice", "usb")
    elif reading.rest.get("usb") in (0, "0"):
        reading.pop("usb", "usb")
    return {} if names == ("tablet",) else {"devices": list(names)}
