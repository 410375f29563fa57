"""What xl accepts without a word and yet is wrong, found in the text of an xl.cfg (facts §0.5, §6, §10)."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from runbook.guests import devices
from runbook.guests.syntax import Config, Unreadable, parse
from runbook.plan import Finding

FIRMWARES = ("bios", "seabios", "uefi", "ovmf")


@cache
def known_keys(release: str) -> frozenset[str]:
    """Return every key that the release's xl reads, empty for a release without a list."""
    file = files("runbook.guests") / f"xl_keys_{release}.txt"
    return frozenset(file.read_text(encoding="utf-8").split()) if file.is_file() else frozenset()


def validate(text: str, release: str, name: str = "the configuration") -> list[Finding]:
    """Return what is wrong with an xl.cfg; `name` is what the findings call it."""
    try:
        config = parse(text)
    except Unreadable as error:
        return [Finding("fail", f"{name}, line {error.line}: xl cannot read it", error.why,
                        "correct that line; the form is `key = value`", "xl.cfg(5), SYNTAX")]  # fmt: skip
    rules = (_keys, _machine, _firmware, _memory, _boot, _screen, _passthrough)
    found = [finding for rule in rules for finding in rule(config, release)]
    found += devices.cards(config) + devices.passed(config) + devices.disks(config)
    return [_named(finding, name) for finding in found]


def conflicts(texts: Mapping[str, str]) -> list[Finding]:
    """Return what two configurations both claim: a disk, a device, a MAC, a VNC display, a name.

    `texts` is the content by path. Only one of the two guests can run, or both are damaged.
    """
    owners: dict[tuple[str, str], list[str]] = {}
    for path, text in sorted(texts.items()):
        try:
            claims = set(_claims(parse(text)))
        except Unreadable:
            continue
        for claim in claims:
            owners.setdefault(claim, []).append(path)
    return [
        Finding("warn", f"The {kind} {what} is claimed by {' and '.join(paths)}",
                "only one of these guests can run at a time; a disk written by two is destroyed",
                "take it out of one of the two, or remove the file that is not used", "facts §10 no. 18, 22-24")  # fmt: skip
        for (kind, what), paths in sorted(owners.items())
        if len(paths) > 1
    ]


def _claims(config: Config) -> Iterator[tuple[str, str]]:
    yield "name", config.text("name")
    for spec in config.items("disk"):
        if "cdrom" not in spec:
            yield "disk", devices.target_of(spec)
    for spec in config.items("pci"):
        if address := devices.address_of(spec):
            yield "device", address
    for spec in config.items("vif"):
        if mac := devices.words_of(spec).get("mac"):
            yield "MAC", mac.lower()
    if config.text("vnc") == "1" and (display := config.text("vncdisplay")):
        yield "VNC display", display


def _keys(config: Config, release: str) -> Iterator[Finding]:
    known = known_keys(release)
    for key in config.values if known else ():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            do = f"did you mean `{near[0]}`?" if near else "remove it, or see xl.cfg(5) for the word that is meant"
            yield Finding("fail", f"line {config.lines[key]}: xl does not know `{key}`",
                          "xl skips unknown words silently, so the setting would be lost", do, "facts §10 no. 25")  # fmt: skip
    for key in config.repeated:
        yield _warn(f"line {config.lines[key]}: `{key}` is given twice", "the last one counts", "delete one", "xl.cfg(5)")


def _machine(config: Config, release: str) -> Iterator[Finding]:
    if not config.text("name"):
        yield _fail("it has no `name`", "xl starts no guest without one", 'add name = "…"', "xl.cfg(5)")
    if "type" not in config.values:
        old = "builder" in config.values
        yield _warn("it says `builder`, not `type`" if old else "it has no `type`",
                    "the old word still works" if old else "xl then makes a PV guest, which boots no ordinary disk",
                    'write type = "hvm"', "H706")  # fmt: skip
    if config.text("device_model_version") == "qemu-xen-traditional":
        yield _fail('device_model_version is "qemu-xen-traditional"', "Debian's Xen is built without it: the guest cannot start",
                    "remove the line; the default, qemu-xen, is right", "H705")  # fmt: skip
    if config.text("tsc_mode") == "native":
        yield _warn('tsc_mode is "native"', "time may jump back in the guest", "remove the line; the default is right", "H707")
    if "on_crash" not in config.values:
        yield _warn("it has no `on_crash`", "a guest that crashed is removed before anybody can look",
                    'add on_crash = "preserve"', "H710")  # fmt: skip


def _firmware(config: Config, release: str) -> Iterator[Finding]:
    for key in ("firmware", "bios"):
        value = config.text(key)
        if value in ("uefi", "ovmf"):
            yield _warn(f'{key} is "{value}"', "the UEFI image that Debian ships does not start Xen guests",
                        'write firmware = "bios"', "facts §0.3")  # fmt: skip
        elif value and value not in FIRMWARES and not value.startswith("/"):
            yield _fail(f'{key} is "{value}"', "xl takes an unknown word as the name of a file in the current folder",
                        f"write one of {', '.join(FIRMWARES)}, or a path from / on", "facts §0.5")  # fmt: skip


def _memory(config: Config, release: str) -> Iterator[Finding]:
    memory, maxmem = config.number("memory"), config.number("maxmem")
    if memory is None:
        yield _fail("it has no `memory`", "xl would give 32 MiB, in which nothing starts", "add memory = MiB", "xl.cfg(5)")
    elif maxmem is not None and maxmem > memory and config.items("pci"):
        yield _fail(f"maxmem ({maxmem}) is more than memory ({memory})",
                    "a guest with passed-through devices must get all its memory at the start; xl says so only then",
                    f"write maxmem = {memory}", "H710")  # fmt: skip
    hole = config.number("mmio_hole")
    if hole is not None and not 256 <= hole <= 3840:
        yield _fail(f"mmio_hole is {hole}", "it may be 256 to 3840 MiB", "write mmio_hole = 3072", "xl.cfg(5)")


def _boot(config: Config, release: str) -> Iterator[Finding]:
    boot = config.text("boot")
    if wrong := "".join(letter for letter in boot if letter not in "acdn"):
        yield _fail(f'boot is "{boot}"', f"there is no drive `{wrong}`, and xl does not say so",
                    "use c (disk), d (disc), n (network), a (floppy), in the wanted order", "facts §0.5")  # fmt: skip
    if "d" in boot and not any("cdrom" in spec for spec in config.items("disk")):
        yield _warn(f'boot is "{boot}", and there is no disc', "d stands for a CD-ROM", "add one to `disk`", "H701")


def _screen(config: Config, release: str) -> Iterator[Finding]:
    if config.text("sdl") == "1":
        yield _fail("sdl is 1", "Debian's qemu-system-xen can open no window: the guest does not start",
                    "use vnc = 1", "facts §0.3")  # fmt: skip
    if config.text("vnc", "1") != "1":
        return
    address, display = _listens(config.text("vnclisten", "127.0.0.1"))
    if display and config.text("vncdisplay"):
        yield _fail("the VNC display is in vnclisten and in vncdisplay", "xl refuses that", "keep vncdisplay", "facts §7")
    if address and not _is_loopback(address) and not config.text("vncpasswd"):
        yield _warn(f"VNC listens on {address} and asks for no password",
                    "everybody who reaches that address sees and steers the guest",
                    'write vnclisten = "127.0.0.1" and come through ssh', "H702")  # fmt: skip
    if config.text("vncunused", "1") != "0":
        yield _warn("vncunused is not 0", "when the port is taken, the guest silently appears on another one",
                    "write vncunused = 0", "facts §7")  # fmt: skip


def _passthrough(config: Config, release: str) -> Iterator[Finding]:
    if config.items("pci") and config.text("passthrough") == "disabled":
        yield _fail('passthrough is "disabled", yet `pci` names devices', "the guest cannot start", "remove the line", "facts §0.5")
    strategy = re.search(r"strategy=(\w+)", config.text("rdm"))
    if strategy and strategy[1] != "host":
        yield _fail(f'rdm has strategy "{strategy[1]}"', "xl warns, goes on and ignores it", "write strategy=host", "facts §0.5")
    if config.text("pci_seize") == "1":
        yield _fail("pci_seize is 1", "xl would take any device from dom0 without asking, its disk controller too",
                    "remove the line; hide the device instead", "facts §6.3")  # fmt: skip


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


def _fail(what: str, why: str, do: str, source: str) -> Finding:
    return Finding("fail", what, why, do, source)


def _warn(what: str, why: str, do: str, source: str) -> Finding:
    return Finding("warn", what, why, do, source)


def _named(finding: Finding, name: str) -> Finding:
    return replace(finding, what=f"{name}: {finding.what}")
