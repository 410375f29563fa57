"""The rules for one guest's machine, memory, firmware, boot order, screen and passthrough."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

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
    if not config.text("name"):
        yield fail("it has no `name`", "xl starts no guest without one", 'add name = "…"', "xl.cfg(5)")
    if "type" not in config.values:
        old = "builder" in config.values
        yield warn(
            "it says `builder`, not `type`" if old else "it has no `type`",
            "the old word still works" if old else "xl then makes a PV guest, which boots no ordinary disk",
            'write type = "hvm"',
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
    for key in ("firmware", "bios"):
        value = config.text(key)
        if value in ("uefi", "ovmf"):
            yield warn(
                f'{key} is "{value}"',
                "the UEFI image that Debian ships does not start Xen guests",
                'write firmware = "bios"',
            )
        elif value and value not in FIRMWARES and not value.startswith("/"):
            yield fail(
                f'{key} is "{value}"',
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
    hole = config.number("mmio_hole")
    if hole is not None and not 256 <= hole <= 3840:
        yield fail(f"mmio_hole is {hole}", "it may be 256 to 3840 MiB", "write mmio_hole = 3072", "xl.cfg(5)")


def _boot(config: Config) -> Iterator[Finding]:
    boot = config.text("boot")
    if wrong := "".join(letter for letter in boot if letter not in "acdn"):
        yield fail(
            f'boot is "{boot}"',
            f"there is no drive `{wrong}`, and xl does not say so",
            "use c (disk), d (disc), n (network), a (floppy), in the wanted order",
        )
    if "d" in boot and not any("cdrom" in spec for spec in config.items("disk")):
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
    if config.text("vnc", "1") != "1":
        return
    address, display = _listens(config.text("vnclisten", "127.0.0.1"))
    if display and config.text("vncdisplay"):
        yield fail(
            "the VNC display is in vnclisten and in vncdisplay",
            "xl refuses that",
            "keep vncdisplay",
        )
    elif ":" in address and config.number("vncdisplay"):
        yield fail(
            f"VNC listens on {address}, and there is a vncdisplay",
            "xl takes what follows a colon for a display, and refuses two of them",
            'write vnclisten = "127.0.0.1"',
            "xl.cfg(5)",
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
    if config.text("pci_seize") == "1":
        yield fail(
            "pci_seize is 1",
            "xl would take any device from dom0 without asking, its disk controller too",
            "remove the line; hide the device instead",
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
