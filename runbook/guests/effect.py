"""What a configuration asks of xl, whatever its style: two that ask the same are told from two that do not.

Source: xl.cfg(5), xl-disk-configuration(5), xl-network-configuration(5), xl-pci-configuration(5) of Xen 4.20, and
`libxl_create.c` for what holds where nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runbook.guests import devices, disk_spec, vif_spec
from runbook.guests.syntax import Config, Value
from runbook.guests.validate import known_keys

_EVERY = {
    "vcpus": "1", "on_poweroff": "destroy", "on_reboot": "restart", "on_crash": "destroy", "nomigrate": "0",
    "device_model_version": "qemu-xen", "pci_permissive": "0", "pci_msitranslate": "0", "pci_power_mgmt": "0",
    "pci_seize": "0", "sdl": "0", "opengl": "0", "nographic": "0", "spice": "0", "tsc_mode": "default",
}  # fmt: skip
_HVM = {
    "acpi": "1", "apic": "1", "pae": "1", "nx": "1", "hap": "1", "hpet": "1", "xen_platform_pci": "1",
    "localtime": "0", "usb": "0", "vga": "cirrus", "gfx_passthru": "0", "nestedhvm": "0", "hdtype": "ide",
    "vnc": "1", "vnclisten": "127.0.0.1", "vncdisplay": "0", "vncunused": "1", "firmware": "bios",
    "acpi_s3": "1", "acpi_s4": "1", "vkb_device": "1", "boot": "cda",
}  # fmt: skip
"""What holds where nothing is said."""
_WORDS = {
    ("firmware", "seabios"): "bios", ("firmware", "ovmf"): "uefi", ("viridian", "1"): "defaults", ("viridian", "0"): "",
    ("tsc_mode", "0"): "default", ("serial", "none"): "", ("gfx_passthru", "igd"): "1", ("usbdevice", "none"): "",
    ("soundhw", "none"): "",
}  # fmt: skip
_LISTS = frozenset({"disk", "vif", "pci"})
_GLOBAL = ("permissive", "msitranslate", "power_mgmt", "seize")
_SCREEN = ("vnc", "vnclisten", "vncdisplay", "vncunused", "vncpasswd")
_USUAL_SCREEN = {"type": "vfb", "vnc": "1", "vnclisten": "127.0.0.1", "vncdisplay": "0", "vncunused": "1"}
_COMMAS = frozenset({"vfb", "usbctrl", "usbdev", "vkb", "vtpm", "channel", "p9", "vdispl", "vsnd"})
"""Lists of devices whose `key=value` words may stand in any order."""
_NONE = "nothing"


@dataclass(frozen=True)
class Difference:
    """One thing that two configurations ask for differently, in the words of xl.cfg(5)."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        """Say it for people.

        >>> str(Difference("uuid", "11111111-2222-3333-4444-555555555555", "nothing"))
        'uuid: 11111111-2222-3333-4444-555555555555 → nothing'
        """
        return f"{self.what}: {self.before} → {self.after}"

    @property
    def is_loss(self) -> bool:
        """True where something that was asked for before is not, or is another."""
        return self.before != _NONE


def kind_of(config: Config) -> str:
    """Return what a guest is: hvm, pvh or pv, which xl makes where nothing is said.

    >>> kind_of(Config({"builder": "hvm"})), kind_of(Config({}))
    ('hvm', 'pv')
    """
    return config.text("type") or ("hvm" if config.text("builder") == "hvm" else "pv")


def differences(existing: Config, wanted: Config, release: str) -> tuple[Difference, ...]:
    """Return what the second asks otherwise than the first, in the order of the first; words that xl skips do not count."""
    before, after = _effects(existing, release), _effects(wanted, release)
    usual = _EVERY | (_HVM if after["type"] == before["type"] == "hvm" else {})
    return tuple(
        Difference(
            key, _shown(key, before.get(key, _NONE)), _shown(key, after.get(key) or usual.get(key, _NONE))
        )
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    )


def _shown(key: str, value: str) -> str:
    """Return a value as people may see it: of a password, that there is one.

    >>> _shown("vfb 1", "vnc=1,vncpasswd=abc"), _shown("spicepasswd", "abc"), _shown("spicepasswd", "nothing")
    ('vnc=1,vncpasswd=a password', 'a password', 'nothing')
    """
    if key in ("vncpasswd", "spicepasswd"):
        return value if value == _NONE else "a password"
    return re.sub(r"vncpasswd=[^,]*", "vncpasswd=a password", value)


def _effects(config: Config, release: str) -> dict[str, str]:
    """Return what a configuration asks for beyond what holds anyway, each thing by what it is called in a sentence."""
    known = known_keys(release)
    stated = {key: value for key, value in config.values.items() if not known or key in known}
    flat = {"type": kind_of(config)}
    for key, value in stated.items():
        if key not in (*_LISTS, "builder", "type"):
            flat |= dict(_flat(key, value))
    _renamed(flat)
    _told_by_others(flat, config)
    usual = _EVERY | (_HVM if flat["type"] == "hvm" else {}) | {"maxmem": flat.get("memory", "")}
    usual |= {"maxvcpus": flat.get("vcpus", "1")}
    kept = {key: value for key, value in flat.items() if value and value != usual.get(key)}
    return kept | dict(_disks(config)) | dict(_cards(config)) | dict(_passed(config))


def _flat(key: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, tuple) and key in _COMMAS:
        for number, member in enumerate(value, 1):
            yield f"{key} {number}", _ordered(str(member))
    elif isinstance(value, tuple):
        yield key, ", ".join(_WORDS.get((key, str(member)), str(member)) for member in value)
    else:
        yield key, _WORDS.get((key, str(value)), str(value))


def _ordered(options: str) -> str:
    return ",".join(sorted(word.strip() for word in options.split(",") if word.strip()))


def _renamed(flat: dict[str, str]) -> None:
    """Say under one name what older names say too."""
    if "bios" in flat:
        word = flat.pop("bios")
        flat.setdefault("firmware", _WORDS.get(("firmware", word), word))
    if "bios_path_override" in flat:
        flat["firmware"] = flat.pop("bios_path_override")
    if flat.pop("stdvga", "0") == "1" and "vga" not in flat:
        flat["vga"] = "stdvga"
    if (flat.get("vga"), flat.get("videoram")) == ("stdvga", "16"):
        del flat["videoram"]  # libxl gives that card as much by itself
    address, colon, display = flat.get("vnclisten", "").rpartition(":")
    if colon and ":" not in address:
        flat |= {"vnclisten": address, "vncdisplay": display}


def _told_by_others(flat: dict[str, str], config: Config) -> None:
    """Leave out what other words say as well, and say once what has an older form."""
    line = [f"root={flat.pop('root')}"] if "root" in flat else []
    line += [flat.pop("extra")] if "extra" in flat else []
    if line:
        flat.setdefault("cmdline", " ".join(line))
    if config.items("pci"):
        for word in _GLOBAL:
            flat.pop(f"pci_{word}", None)
    if flat.get("usbdevice"):
        flat.pop("usb", None)
    if flat["type"] != "hvm" and flat.get("vnc") == "1" and "vfb 1" not in flat:
        options = {key: flat[key] for key in _SCREEN if key in flat}
        flat["vfb 1"] = ",".join(f"{key}={value}" for key, value in options.items())
    for key in [key for key in flat if key.startswith("vfb ")]:
        flat[key] = _ordered(",".join(_pairs(flat[key], _USUAL_SCREEN))) or "vnc=1"
    for key in [key for key in flat if key.startswith(("usbctrl ", "usbdev "))]:
        usual = "auto" if key.startswith("usbctrl") else "hostdev"
        flat[key] = _ordered(",".join(_pairs(flat[key], {"type": usual}))) or usual
    if flat["type"] != "hvm":
        for key in _SCREEN:
            flat.pop(key, None)


def _pairs(options: str, usual: Mapping[str, str]) -> Iterator[str]:
    """Yield the `key=value` words of a device that are not what holds anyway."""
    yield from (f"{k}={v}" for k, v in devices.words_of(options).items() if usual.get(k) != v)


def _disks(config: Config) -> Iterator[tuple[str, str]]:
    for number, spec in enumerate(config.items("disk"), 1):
        disk = disk_spec.parse(spec)
        stated = [disk.path or "no target", disk.format or "raw", "r" if disk.is_read_only else "rw"]
        stated += ["cdrom"] if disk.is_cdrom else []
        stated += [f"{key}={value}" for key, value in sorted(disk.options.items())]
        name = "disc" if disk.is_cdrom else "disk" if number == 1 else f"{_nth(number)} disk"
        yield f"{name} {disk.vdev}".rstrip(), ", ".join((*stated, *sorted(disk.flags)))


def _nth(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}th")


def _cards(config: Config) -> Iterator[tuple[str, str]]:
    for number, spec in enumerate(config.items("vif"), 1):
        options = {"bridge": "xenbr0"} if "script" not in spec else {}
        options |= devices.words_of(spec)
        options |= {"mac": vif_spec.mac_of(options["mac"])} if "mac" in options else {}
        options |= {"gatewaydev": options.pop("netdev")} if "netdev" in options else {}
        if kind_of(config) != "hvm" or options.get("type") == "vif":
            options.pop("model", None)  # QEMU plays it, and such a card has nothing of QEMU's
        usual = {"type": "ioemu", "model": "rtl8139", "script": "vif-bridge"}
        stated = [f"{key}={value}" for key, value in sorted(options.items()) if value != usual.get(key)]
        yield f"network card {number}", ", ".join(stated)


def _passed(config: Config) -> Iterator[tuple[str, str]]:
    everywhere = {word: config.text(f"pci_{word}") for word in _GLOBAL}
    for spec in config.items("pci"):
        options = {key: value for key, value in everywhere.items() if value not in ("", "0")}
        options |= devices.words_of(spec)
        options.pop("bdf", None)
        usual = {"rdm_policy": "strict"} | dict.fromkeys(everywhere, "0")
        stated = [f"{key}={value}" for key, value in sorted(options.items()) if value != usual.get(key)]
        yield f"device {devices.address_of(spec) or spec}", ", ".join(stated) or "passed"
