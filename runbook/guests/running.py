"""A guest that runs, as the configuration that it would have been started with: `xl list -l` read backwards.

Source: libxl_types.idl and xl_parse.c of Xen 4.20; libxl leaves out of its JSON what is as it is by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.guests.syntax import Config, Value

_TEXTS = {
    "c_info": {"name": "name", "uuid": "uuid", "type": "type", "pool_name": "pool"},
    "b_info": {
        "kernel": "kernel", "ramdisk": "ramdisk", "cmdline": "cmdline", "bootloader": "bootloader",
        "device_model": "device_model_override", "device_model_user": "device_model_user",
    },
    "hvm": {
        "serial": "serial", "boot": "boot", "usbdevice": "usbdevice", "soundhw": "soundhw", "hdtype": "hdtype",
        "system_firmware": "bios_path_override", "bios": "bios",
    },
}  # fmt: skip
_SWITCHES = {
    "c_info": {"hap": "hap", "oos": "oos", "driver_domain": "driver_domain"},
    "b_info": {
        "nested_hvm": "nestedhvm", "acpi": "acpi", "apic": "apic", "localtime": "localtime",
        "disable_migrate": "nomigrate",
    },
    "hvm": {
        "pae": "pae", "nx": "nx", "hpet": "hpet", "usb": "usb", "xen_platform_pci": "xen_platform_pci",
        "gfx_passthru": "gfx_passthru", "nested_hvm": "nestedhvm", "acpi": "acpi", "apic": "apic", "altp2m": "altp2mhvm",
    },
}  # fmt: skip
_LISTS = {
    "b_info": {
        "bootloader_args": "bootloader_args", "extra": "device_model_args", "extra_hvm": "device_model_args_hvm",
        "extra_pv": "device_model_args_pv",
    },
    "hvm": {"serial_list": "serial", "usbdevice_list": "usbdevice"},
}  # fmt: skip
_VIRIDIAN = (
    "base", "freq", "time_ref_count", "reference_tsc", "hcall_remote_tlb_flush", "apic_assist", "crash_ctl", "synic",
    "stimer", "hcall_ipi", "ex_processor_masks", "no_vp_limit", "cpu_hotplug",
)  # fmt: skip
_BY_OTHERS = {
    "c_info": {"domid", "run_hotplug_scripts", "passthrough", "ssidref", "xend_suspend_evtchn_compat"},
    "b_info": {
        "max_vcpus", "avail_vcpus", "max_memkb", "target_memkb", "video_memkb", "sched_params", "claim_mode", "arch_arm",
        "arch_x86", "type.hvm", "type.pv", "type.pvh", "device_model_version", "shadow_memkb", "iommu_memkb",
        "event_channels", "max_grant_frames", "max_maptrack_frames", "max_grant_version", "vpmu", "tsc_mode",
    },
    "hvm": {
        "vga", "vnc", "sdl", "spice", "rdm", "pirq", "viridian", "viridian_enable", "viridian_disable", "mmio_hole_memkb", "timer_mode",
        "vkb_device", "vpt_align", "gfx_passthru_kind",
    },
    "top": {"c_info", "b_info", "disks", "nics", "pcidevs", "vfbs", "vkbs", "usbctrls", "usbdevs"},
}  # fmt: skip
_ENDINGS = ("on_poweroff", "on_reboot", "on_watchdog", "on_crash", "on_soft_reset")


@dataclass(frozen=True)
class Started:
    """A running guest as a configuration."""

    config: Config
    unsaid: tuple[str, ...]
    """What libxl has of it and the configuration does not say."""


def started(entry: Mapping[str, Any]) -> Started:
    """Return one guest of `xl list -l`, from its `config`.

    >>> started({"c_info": {"type": "pv", "name": "web"}, "b_info": {"target_memkb": 524288, "max_vcpus": 1}}).config.values
    {'type': 'pv', 'name': 'web', 'memory': 512}
    """
    info, build = entry.get("c_info", {}), entry.get("b_info", {})
    kind = str(info.get("type", "pv"))
    own = build.get(f"type.{kind}") or {}
    values: dict[str, Value] = {"type": kind}
    unsaid: list[str] = []
    for part, stated in (("c_info", info), ("b_info", build), ("hvm", own)):
        values |= dict(_plain(part, stated))
        unsaid += _others(part, stated)
    values |= dict(_sizes(build)) | dict(_machine(own)) | dict(_screens(own))
    values |= dict(_endings(entry))
    lists = {
        "disk": map(_disk, entry.get("disks", [])),
        "vif": map(_card, entry.get("nics", [])),
        "pci": map(_device, entry.get("pcidevs", [])),
        "vfb": (_joined(dict(_screens(one))) for one in entry.get("vfbs", []) if kind != "hvm"),
        "usbctrl": map(_controller, entry.get("usbctrls", [])),
        "usbdev": map(_usb, entry.get("usbdevs", [])),
    }
    values |= {key: found for key, some in lists.items() if (found := tuple(some))}
    unsaid += [key for key in entry if key not in _BY_OTHERS["top"] and key not in _ENDINGS and entry[key]]
    return Started(Config(values), tuple(dict.fromkeys(unsaid)))


def _endings(entry: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for key in _ENDINGS:
        if key in entry and (key, entry[key]) != ("on_soft_reset", "soft_reset"):
            yield key, str(entry[key]).replace("_", "-")


def _plain(part: str, stated: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Yield what is a text, a switch or a list there and here."""
    for key, word in _TEXTS.get(part, {}).items():
        if stated.get(key):
            yield word, str(stated[key])
    for key, word in _SWITCHES.get(part, {}).items():
        if key in stated:
            yield word, int(stated[key] == "True")
    for key, word in _LISTS.get(part, {}).items():
        if stated.get(key):
            yield word, tuple(map(str, stated[key]))


def _others(part: str, stated: Mapping[str, Any]) -> list[str]:
    tables = (_TEXTS, _SWITCHES, _LISTS)
    known = _BY_OTHERS[part].union(*(table.get(part, {}) for table in tables))
    return [key for key, value in stated.items() if key not in known and value not in ({}, [], "", None)]


def _sizes(build: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    memory, most = (-(-build.get(key, 0) // 1024) for key in ("target_memkb", "max_memkb"))
    yield "memory", memory or most
    if most > memory > 0:
        yield "maxmem", most
    available, highest = len(build.get("avail_vcpus", [])), int(build.get("max_vcpus", 1))
    if highest > 1 or available > 1:
        yield "vcpus", available or highest
    if highest > available > 0:
        yield "maxvcpus", highest
    sched = build.get("sched_params", {})
    if sched.get("weight", 256) not in (0, 256):
        yield "cpu_weight", int(sched["weight"])
    if sched.get("cap"):
        yield "cap", int(sched["cap"])
    if version := build.get("device_model_version"):
        yield "device_model_version", str(version).replace("_", "-")


def _machine(own: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    groups = ["defaults"] * (own.get("viridian") == "True")
    groups += [name for bit, name in enumerate(_VIRIDIAN) if bit in own.get("viridian_enable", ())]
    groups += [f"!{name}" for bit, name in enumerate(_VIRIDIAN) if bit in own.get("viridian_disable", ())]
    if groups:
        yield "viridian", tuple(groups)
    if hole := own.get("mmio_hole_memkb"):
        yield "mmio_hole", int(hole) // 1024
    if kind := own.get("vga", {}).get("kind"):
        yield "vga", {"std": "stdvga"}.get(str(kind), str(kind))
    if strategy := own.get("rdm", {}).get("strategy"):
        yield "rdm", f"strategy={strategy}" + (f",policy={p}" if (p := own["rdm"].get("policy")) else "")


def _screens(own: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    vnc = own.get("vnc", {})
    for key, word in (("enable", "vnc"), ("findunused", "vncunused")):
        if key in vnc:
            yield word, int(vnc[key] == "True")
    for key, word in (("listen", "vnclisten"), ("display", "vncdisplay"), ("passwd", "vncpasswd")):
        if key in vnc:
            yield word, vnc[key]
    if own.get("sdl", {}).get("enable") == "True":
        yield "sdl", 1


def _disk(stated: Mapping[str, Any]) -> str:
    options = {
        "format": stated.get("format", "raw"),
        "vdev": stated.get("vdev", ""),
        "access": "rw" if stated.get("readwrite") else "ro",
        "devtype": "cdrom" if stated.get("is_cdrom") else "",
        "script": stated.get("script", ""),
        "backend": stated.get("backend_domname", ""),
        "backendtype": {"phy": "", "qdisk": ""}.get(
            str(stated.get("backend", "")), stated.get("backend", "")
        ),
    }
    flags = (
        []
        if "discard_enable" not in stated
        else ["discard" if stated["discard_enable"] == "True" else "no-discard"]
    )
    flags += ["direct-io-safe"] if stated.get("direct_io_safe") else []
    target = [f"target={stated['pdev_path']}"] if stated.get("pdev_path") else []
    return ", ".join([*(f"{key}={value}" for key, value in options.items() if value), *flags, *target])


def _card(stated: Mapping[str, Any]) -> str:
    names = {"ip": "ip", "mac": "mac", "bridge": "bridge", "model": "model", "script": "script", "ifname": "vifname",
             "gatewaydev": "gatewaydev", "backend_domname": "backend", "mtu": "mtu", "vlan": "vlan"}  # fmt: skip
    options = {word: stated[key] for key, word in names.items() if stated.get(key)}
    options |= {"type": "vif"} if stated.get("nictype") == "vif" else {}
    if stated.get("rate_bytes_per_interval"):
        options["rate"] = _rate(
            int(stated["rate_bytes_per_interval"]), int(stated.get("rate_interval_usecs", 50000))
        )
    return _joined(options)


def _rate(each: int, usecs: int) -> str:
    """Return libxl's bytes in an interval as xl takes them.

    >>> _rate(62500, 50000), _rate(100, 20000)
    ('1250000B/s', '5000B/s@20000us')
    """
    return f"{each * 1000000 // usecs}B/s" + ("" if usecs == 50000 else f"@{usecs}us")


def _device(stated: Mapping[str, Any]) -> str:
    part = {key: int(stated.get(key, 0)) for key in ("domain", "bus", "dev", "func")}
    address = f"{part['domain']:04x}:{part['bus']:02x}:{part['dev']:02x}.{part['func']:x}"
    flags = ("permissive", "msitranslate", "power_mgmt", "seize")
    options = [f"{flag}=1" for flag in flags if stated.get(flag) in (True, 1, "True")]
    policy = [f"rdm_policy={stated['rdm_policy']}"] if stated.get("rdm_policy", "strict") == "relaxed" else []
    return ",".join([address, *options, *policy])


def _controller(stated: Mapping[str, Any]) -> str:
    return _joined({key: stated[key] for key in ("type", "version", "ports") if stated.get(key)})


def _usb(stated: Mapping[str, Any]) -> str:
    host = stated.get("type.hostdev", {})
    options = {"hostbus": host.get("hostbus"), "hostaddr": host.get("hostaddr")}
    return _joined(options | {"controller": stated.get("ctrl", 0), "port": stated.get("port", 0)})


def _joined(options: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    return ",".join(f"{key}={value}" for key, value in dict(options).items())
