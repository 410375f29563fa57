"""What xl stops at in the lists of devices of a configuration. Source: as of refusals.py, and libxlu_{disk_l.l,pci.c,vif.c}."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from runbook.guests import disk_spec, pci_spec, vif_spec
from runbook.guests.syntax import Config

_DISK, _VIF, _PCI = "xl-disk-configuration(5)", "xl-network-configuration(5)", "xl-pci-configuration(5)"
_SMBIOS = (
    "bios_vendor", "bios_version", "system_manufacturer", "system_product_name", "system_version",
    "system_serial_number", "baseboard_manufacturer", "baseboard_product_name", "baseboard_version",
    "baseboard_serial_number", "baseboard_asset_tag", "baseboard_location_in_chassis", "enclosure_manufacturer",
    "enclosure_serial_number", "enclosure_asset_tag", "battery_manufacturer", "battery_device_name", "oem",
)  # fmt: skip
_VKB = re.compile(
    r"(?:backend|unique-id|feature-disable-keyboard|feature-disable-pointer|feature-abs-pointer|feature-raw-pointer"
    r"|feature-multi-touch|multi-touch-width|multi-touch-height|multi-touch-num-contacts|width|height)=.*"
)
_NUMBER = r"\s*[+-]?"


class Refusal(NamedTuple):
    """One thing that xl stops at."""

    what: str
    do: str
    source: str = "xl.cfg(5)"


def refusals(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    """Yield each device that a release's xl stops at."""
    for spec in texts(config, "pci"):
        for why in pci_spec.parse(spec).wrong:
            yield Refusal(f"`{spec}`: {why}", _known_pci(why), _PCI)
    for spec in texts(config, "disk"):
        for why in disk_spec.parse(spec, release).wrong[:1]:
            do = "write it like format=raw, vdev=hda, access=rw, target=PATH"
            yield Refusal(f"the disk `{spec}`: {why}", do, _DISK)
    for spec in texts(config, "vif"):
        for why in vif_spec.parse(spec, release).wrong:
            do = "write a rate like 10Mb/s, and numbers where they belong"
            yield Refusal(f"the network card `{spec}`: {why}", do, _VIF)
    yield from _of_other_kinds(config, kind, release)


def _of_other_kinds(config: Config, kind: str, release: str) -> Iterator[Refusal]:
    for key, is_right in _others(kind, release).items():
        for spec in texts(config, key):
            if not is_right(spec):
                yield Refusal(f"{key} has `{spec}`", f"see {key} in xl.cfg(5) for its form")
    if kind == "hvm" and release != "bookworm" and not isinstance(config.values.get("smbios", ()), tuple):
        yield Refusal("smbios is a single value, not a list", 'write smbios = [ "…" ]')


def texts(config: Config, key: str) -> list[str]:
    """Return the members of a list that xl reads: up to the first that is a list itself, none of a single value."""
    value = config.values.get(key)
    found: list[str] = []
    for item in value if isinstance(value, tuple) else ():
        if isinstance(item, tuple):
            break
        found.append(str(item))
    return found


def _known_pci(why: str) -> str:
    if "address" in why or "slot" in why:
        return "write [DDDD:]BB:SS.F as `lspci -D` shows it"
    return f"known are {', '.join(sorted(pci_spec.OPTIONS))}, each with `=` and no blank before it"


def _others(kind: str, release: str) -> dict[str, Callable[[str], bool]]:
    is_new = release != "bookworm"
    every: dict[str, Callable[[str], bool]] = {
        "irqs": _is_irq, "ioports": _is_port, "iomem": _is_memory, "usbctrl": _is_controller, "usbdev": _is_usb,
        "channel": _is_channel, "vtpm": _is_vtpm, "p9": _is_p9 if is_new else _is_old_p9, "vkb": _is_vkb,
        "pvcalls": _is_pvcalls,
    }  # fmt: skip
    return every | ({"smbios": _is_smbios} if is_new and kind == "hvm" else {})


def _is_irq(text: str) -> bool:
    match = re.fullmatch(rf"{_NUMBER}(\d+)", text)
    return match is not None and int(match[1]) < 2**32 - 1 and "-" not in text


def _is_port(text: str) -> bool:
    hexadecimal = rf"{_NUMBER}(?:0[xX])?([0-9a-fA-F]+)"
    match = re.match(hexadecimal, text)
    if not match or int(match[1], 16) >= 2**32 - 1 or "-" in match[0]:
        return False
    rest = text[match.end() :]
    if not rest.startswith("-"):
        return True  # xl says that the rest is wrong, and goes on
    end = re.fullmatch(hexadecimal, rest[1:])
    return end is not None and int(end[1], 16) < 2**32 - 1


def _is_memory(text: str) -> bool:
    number = r"\s*[+-]?(?:0[xX])?[0-9a-fA-F]+"
    return bool(re.fullmatch(rf"{number},{number}(?:@{number})?", text))


def _options(spec: str) -> list[str]:
    """Return the words between commas, without the blanks before each."""
    return [word.lstrip(" ") for word in spec.split(",") if word]


def _is_controller(spec: str) -> bool:
    return all(
        word.startswith(("version=", "ports="))
        or (word.startswith("type=") and word[5:].lower() in ("auto", "pv", "devicemodel", "qusb"))
        for word in _options(spec)
    )


def _is_usb(spec: str) -> bool:
    return all(
        word.startswith(("hostbus=", "hostaddr=", "controller=", "port=")) or word.lower() == "type=hostdev"
        for word in _options(spec)
    )


def _pairs(spec: str) -> list[tuple[str, str]] | None:
    """Return `key=value` words with blanks at both ends cut, None where one is none."""
    found = []
    for word in filter(None, spec.split(",")):
        key, equals, value = word.partition("=")
        if not equals or not value:
            return None
        found.append((key.strip(" \t\n\v\f\r"), value.strip(" \t\n\v\f\r")))
    return found


def _is_channel(spec: str) -> bool:
    pairs = _pairs(spec)
    if not pairs:
        return False
    kinds = [value for key, value in pairs if key == "connection"]
    if not kinds or not set(kinds) <= {"pty", "socket"}:
        return False
    return kinds[-1] == "pty" or any(key == "path" for key, _ in pairs)


def _is_p9(spec: str) -> bool:
    pairs = _pairs(spec)
    if pairs is None:
        return False
    for key, value in pairs:
        is_known = {
            "security_model": True, "path": True, "tag": True, "backend": True, "auto-delete": True,
            "type": value.lower() in ("unknown", "qemu", "xen_9pfsd"),
            **dict.fromkeys(("max-files", "max-open-files", "max-space"), bool(re.match(rf"{_NUMBER}\d", value))),
        }  # fmt: skip
        if not is_known.get(key, False):
            return False
    return bool(pairs)


def _is_old_p9(spec: str) -> bool:
    found = _read_to_first_other(spec)
    return set(found) <= {"security_model", "path", "tag", "backend"} and {
        "security_model",
        "path",
        "tag",
    } <= set(found)


def _read_to_first_other(spec: str) -> dict[str, str]:
    """Return `key=value` words up to the first word without `=`: there xl stops reading, and says nothing."""
    found: dict[str, str] = {}
    for word in _options(spec):
        key, equals, value = word.partition("=")
        if not equals:
            break
        found[key] = value
    return found


def _is_vtpm(spec: str) -> bool:
    found = _read_to_first_other(spec)
    uuid = found.get("uuid", "00000000-0000-0000-0000-000000000000")
    return set(found) <= {"backend", "uuid"} and "backend" in found and bool(
        re.fullmatch("-".join(rf"[0-9a-fA-F]{{{digits}}}" for digits in (8, 4, 4, 4, 12)), uuid)
    )  # fmt: skip


def _is_pvcalls(spec: str) -> bool:
    return set(_read_to_first_other(spec)) <= {"backend"}


def _is_vkb(spec: str) -> bool:
    options = _options(spec)
    kinds = [
        word.removeprefix("backend-type=").lower() for word in options if word.startswith("backend-type=")
    ]
    if not kinds or not set(kinds) <= {"qemu", "linux", "unknown"} or kinds[-1] == "unknown":
        return False
    if not all(word.startswith("backend-type=") or _VKB.fullmatch(word) for word in options):
        return False
    touch = any(re.fullmatch("feature-multi-touch=[1-9].*", word) for word in options)
    return not touch or any(
        re.match("multi-touch-(?:width|height|num-contacts)=[1-9]", word) for word in options
    )


def _is_smbios(spec: str) -> bool:
    key, equals, value = spec.partition("=")
    return bool(equals and value) and key.lower() in _SMBIOS
