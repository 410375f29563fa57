"""Disks, cards and USB of a configuration as they stand in the parameters; None for what has no field there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from runbook.guests import disk_spec, drives, pci_spec, vif_spec

SizeOf = Callable[[str], int]
_FLAGS = {
    "discard": ("discard", True),
    "no-discard": ("discard", False),
    "direct-io-safe": ("direct_io_safe", True),
}
_BOOLEANS = ("permissive", "msitranslate", "power_mgmt", "seize")


def disk(spec: str, group: str, size_gib: SizeOf) -> dict[str, Any] | None:
    """Return one disk as it stands under `disks`."""
    read = disk_spec.parse(spec)
    if read.wrong or not read.vdev or (read.format == "empty" and not read.is_cdrom):
        return None
    made = _medium(read, group, size_gib)
    made["vdev"] = read.vdev
    if read.is_read_only and not read.is_cdrom:
        made["read_only"] = True
    for key, value in read.options.items():
        if key not in ("backendtype", "backend", "script"):
            return None
        if value:
            made["backend_type" if key == "backendtype" else key] = value
    for flag in read.flags:
        if flag not in _FLAGS:
            return None
        made |= {_FLAGS[flag][0]: _FLAGS[flag][1]}
    return made


def _medium(read: disk_spec.DiskSpec, group: str, size_gib: SizeOf) -> dict[str, Any]:
    path = read.path
    if read.is_cdrom:
        return {"cd": read.target}
    if match := re.fullmatch(rf"/dev/{re.escape(group)}/([^/]+)", path):
        size = size_gib(path)
        made: dict[str, Any] = {"volume": match[1]} | ({"size_gib": size} if size else {})
    elif match := re.fullmatch(r"/dev/zvol/(.+/.+)", path):
        made = {"zvol": match[1]}
    elif path.startswith("/") and not path.startswith("/dev/"):
        made = {"file": read.target}
    else:
        # Xen's script `block` looks for `phy:guests/web` below /dev; what another script is told stays as it is.
        made = {"device": path if "phy" in read.prefixes else read.target}
    usual = drives.format_of(made.get("file", ""))
    return made | ({"format": read.format or "raw"} if (read.format or "raw") != usual else {})


def card(spec: str, kind: str, default_bridge: str) -> dict[str, Any] | None:
    """Return one network card as it stands under `nics`."""
    read = vif_spec.parse(spec)
    options = dict(read.options)
    if read.wrong or read.skipped or set(options) - _CARD_WORDS:
        return None
    made: dict[str, Any] = {}
    if not ("script" in options or "gatewaydev" in options):
        options.setdefault("bridge", default_bridge)
    model = options.pop("model", "rtl8139")
    if "mac" in options:
        made["mac"] = vif_spec.mac_of(options.pop("mac"))
    for name in ("bridge", "type", "ip", "script", "gatewaydev", "backend", "vifname", "rate", "vlan"):
        if name in options:
            made[name] = options.pop(name)
    if "mtu" in options:
        made["mtu"] = int(options["mtu"])
    if kind == "hvm" and made.get("type") != "vif" and model != "e1000":
        made["model"] = model
    if read.flags:
        made["trusted"] = read.flags[-1] == "trusted"
    return made


_CARD_WORDS = {
    "mac", "bridge", "model", "type", "ip", "script", "gatewaydev", "backend", "vifname", "rate", "vlan", "mtu",
}  # fmt: skip


def device(spec: str, usual: dict[str, bool]) -> tuple[str, dict[str, Any]] | None:
    """Return the address of one passed-through device, and what it has under passthrough.devices beside id and what.

    `usual` is what the file says for all of them.
    """
    read = pci_spec.parse(spec)
    if read.wrong or read.slot is not None or "name" in read.options or read.bdf.endswith("*"):
        return None
    made: dict[str, Any] = {}
    if (policy := read.options.get("rdm_policy", "strict").lower()) != "strict":
        made["rdm_policy"] = policy
    for name in _BOOLEANS:
        value = read.options.get(name)
        if value is not None and not re.fullmatch("[01]", value):
            return None
        if usual[name] if value is None else value == "1":
            made[name] = True
    return read.bdf, made


def usb_controller(spec: str) -> dict[str, Any] | None:
    """Return one USB controller as it stands under `usb.controllers`."""
    options = _options(spec, {"type", "version", "ports"})
    if options is None or options.get("type", "auto").lower() not in ("auto", "pv", "devicemodel"):
        return None
    numbers = {key: int(value) for key, value in options.items() if key != "type"}
    kind = options.get("type", "auto").lower()
    return ({} if kind == "auto" else {"type": kind}) | numbers


def usb_device(spec: str) -> dict[str, Any] | None:
    """Return one USB device of the host as it stands under `usb.passed`."""
    options = _options(spec, {"type", "hostbus", "hostaddr", "controller", "port"})
    if options is None or options.pop("type", "hostdev").lower() != "hostdev":
        return None
    names = {"hostbus": "bus", "hostaddr": "address"}
    return {names.get(key, key): int(value) for key, value in options.items()}


def _options(spec: str, known: set[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for word in filter(None, spec.split(",")):
        key, _, value = word.lstrip(" ").partition("=")
        if key not in known or (key != "type" and not re.fullmatch(r"0|[1-9]\d*", value)):
            return None
        found[key] = value
    return found


def screen(spec: str) -> dict[str, str] | None:
    """Return the options of one paravirtual screen, None for what has no field."""
    found: dict[str, str] = {}
    for word in filter(None, spec.split(",")):
        key, equals, value = word.lstrip(" ").partition("=")
        if not equals:
            break  # xl reads no further
        found[key] = value
    known = {"type", "vnc", "vnclisten", "vncdisplay", "vncunused", "vncpasswd"}
    return found if set(found) <= known and found.get("type", "vfb") == "vfb" else None
