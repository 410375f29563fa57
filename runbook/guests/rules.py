"""The rules for one guest's machine, memory, firmware, boot order, screen and passthrough."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from runbook.guests import disk_spec
from runbook.guests.refusals import kind_of
from runbook.guests.syntax import Config
from runbook.model.plan import Finding

FIRMWARES = ("bios", "seabios", "uefi", "ovmf")


def broken(config: Config) -> list[Finding]:
    """Return a finding for each rule that an xl.cfg breaks."""
    rules = (_machine, _firmware, _memory, _boot, _screen, _passthrough)
    return [finding for rule in rules for finding in rule(config)]


def fail(what: str, why: str, do: str, source: str = "") -> Finding:
    """Return a finding for something that cannot work."""
    return Finding("fail", what, why, do, source)


def warn(what: str, why: str, do: str, source: str = "") -> Finding:
    """Return a finding for something that works and will surprise."""
    return Finding("warn", what, why, do, source)


def _machine(config: Config) -> Iterator[Finding]:
    kind = kind_of(config)
    if "type" not in config.values and "builder" in config.values:
        yield warn(
            "it says `builder`, not `type`", "the old word still works", f'write type = "{kind}"', "H706"
        )
    elif "type" not in config.values:
        is_pv = any(config.text(key) for key in ("kernel", "bootloader")) or config.text(
            "firmware"
        ).startswith("pvgrub")
        yield warn(
            "it has no `type`",
            "xl then makes a PV guest, which this one is by its kernel or bootloader"
            if is_pv
            else "xl then makes a PV guest, which boots no ordinary disk",
            f'write type = "{"pv" if is_pv else "hvm"}"',
            "H706",
        )
    if config.text("device_model_version") == "qemu-xen-traditional":
        yield fail(
            'device_model_version is "qemu-xen-traditional"',
            "Debian's Xen is built without it: the guest cannot start",
            "remove the line; the default, qemu-xen, is right",
            "H705",
        )
    if config.text("tsc_mode") == "native":
        yield warn(
            'tsc_mode is "native"',
            "time may jump back in the guest",
            "remove the line; the default is right",
            "H707",
        )
    if "on_crash" not in config.values:
        yield warn(
            "it has no `on_crash`",
            "a guest that crashed is removed before anybody can look",
            'add on_crash = "preserve"',
            "H710",
        )


def _firmware(config: Config) -> Iterator[Finding]:
    if kind_of(config) != "hvm":
        return
    for key in ("firmware", "bios"):
        value = config.text(key)
        if value in ("uefi", "ovmf") and "bios_path_override" not in config.values:
            yield warn(
                f'{key} is "{value}"',
                "the UEFI image that Debian ships does not start Xen guests",
                "name one that does in bios_path_override (`firmware_image: /usr/share/ovmf-xen/OVMF.fd` has the runbook "
                'build it), or write firmware = "bios"',
            )
    value = config.text("firmware")
    if value and value not in FIRMWARES and not value.startswith("/"):
        yield fail(
            f'firmware is "{value}"',
            "xl takes an unknown word as the name of a file in the current folder",
            f"write one of {', '.join(FIRMWARES)}, or a path from / on",
        )


def _memory(config: Config) -> Iterator[Finding]:
    memory, maxmem = config.number("memory"), config.number("maxmem")
    if memory is None:
        yield fail(
            "it has no `memory`",
            "xl would give 32 MiB, in which nothing starts",
            "add memory = MiB",
            "xl.cfg(5)",
        )
    elif maxmem is not None and maxmem > memory and config.items("pci"):
        yield fail(
            f"maxmem ({maxmem}) is more than memory ({memory})",
            "a guest with passed-through devices must get all its memory at the start; xl says so only then",
            f"write maxmem = {memory}",
            "H710",
        )


def _boot(config: Config) -> Iterator[Finding]:
    boot = config.text("boot") if kind_of(config) == "hvm" else ""
    if wrong := "".join(letter for letter in boot if letter not in "acdn"):
        yield fail(
            f'boot is "{boot}"',
            f"there is no drive `{wrong}`, and xl does not say so",
            "use c (disk), d (disc), n (network), a (floppy), in the wanted order",
        )
    if "d" in boot and not any(disk_spec.parse(spec).is_cdrom for spec in config.items("disk")):
        yield warn(
            f'boot is "{boot}", and there is no disc', "d stands for a CD-ROM", "add one to `disk`", "H701"
        )


def _screen(config: Config) -> Iterator[Finding]:
    if config.text("sdl") == "1":
        yield fail(
            "sdl is 1",
            "Debian's qemu-system-xen can open no window: the guest does not start",
            "use vnc = 1",
        )
    if not _is_shown(config):
        return
    address, display = _listens(config.text("vnclisten", "127.0.0.1"))
    if display and config.text("vncdisplay") and not config.number("vncdisplay"):
        yield warn(
            "the VNC display is in vnclisten and in vncdisplay",
            "xl takes the one in vnclisten",
            "keep vncdisplay",
        )
    if address and not _is_loopback(address) and not config.text("vncpasswd"):
        yield warn(
            f"VNC listens on {address} and asks for no password",
            "everybody who reaches that address sees and steers the guest",
            'write vnclisten = "127.0.0.1" and come through ssh',
            "H702",
        )
    if config.text("vncunused", "1") != "0":
        yield warn(
            "vncunused is not 0",
            "when the port is taken, the guest silently appears on another one",
            "write vncunused = 0",
        )


def _is_shown(config: Config) -> bool:
    """Return whether the words of a screen count: xl shows an HVM guest by itself, a PV guest where it is told to."""
    kind = kind_of(config)
    if kind == "pv":
        return bool(config.number("vnc")) and not config.items("vfb")
    return kind == "hvm" and config.number("vnc") != 0


def _passthrough(config: Config) -> Iterator[Finding]:
    if config.items("pci") and config.text("passthrough") == "disabled":
        yield fail(
            'passthrough is "disabled", yet `pci` names devices',
            "the guest cannot start",
            "remove the line",
        )
    strategy = re.search(r"strategy=(\w+)", config.text("rdm"))
    if strategy and strategy[1] != "host":
        yield fail(
            f'rdm has strategy "{strategy[1]}"',
            "xl warns, goes on and ignores it",
            "write strategy=host",
        )
    if config.number("pci_seize"):
        yield warn(
            "pci_seize is 1",
            "xl takes each device from dom0 without asking; of one that dom0 needs, that ends dom0",
            "remove the line; hide the devices instead",
        )


def _listens(text: str) -> tuple[str, str]:
    """Return address and display of `vnclisten`.

    >>> _listens("0.0.0.0:15")
    ('0.0.0.0', '15')
    """
    address, colon, display = text.rpartition(":")
    return (address, display) if colon and ":" not in address else (text, "")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
