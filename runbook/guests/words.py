"""Keys of an xl.cfg that take a number, a list, or one of a few words, and values that are none of them.

What xl refuses here it refuses when the guest is started; what it skips it skips with a line on the
screen, which nobody sees when the guest starts with the host. Source: xl.cfg(5) and xl's own parser,
4.17 and 4.20, which the tests ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.guests.syntax import Config
from runbook.model.plan import Finding

_ENDINGS = (
    "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart",
    "soft-reset",
)  # fmt: skip
_ON = ("on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset")
_WORDS: dict[str, tuple[str, ...]] = {
    "type": ("hvm", "pvh", "pv"),
    "builder": ("hvm", "generic"),
    **dict.fromkeys(_ON, _ENDINGS),
    "bios": ("seabios", "ovmf", "rombios"),
    "device_model_version": ("qemu-xen", "qemu-xen-traditional"),
    "vga": ("stdvga", "cirrus", "qxl", "none"),
    "hdtype": ("ide", "ahci"),
    "tsc_mode": ("default", "always_emulate", "native", "native_paravirt"),
    "timer_mode": ("delay_for_missed_ticks", "no_delay_for_missed_ticks", "no_missed_ticks_pending",
                   "one_missed_tick_pending"),
    "altp2m": ("disabled", "mixed", "external", "limited"),
    "passthrough": ("enabled", "disabled", "sync_pt", "share_pt"),
    "gfx_passthru": ("default", "igd"),
    "ms_vm_genid": ("generate", "none"),
    "vendor_device": ("none", "xenserver"),
}  # fmt: skip
_ALSO_NUMBERS = {"tsc_mode": 3, "timer_mode": 3, "altp2m": 3, "gfx_passthru": 1}
"""The words' old numbers, up to this one."""
_NUMBERS = (
    "memory", "maxmem", "vcpus", "maxvcpus", "mmio_hole", "videoram", "vnc", "vncdisplay", "vncunused",
    "usb", "usbversion", "sdl", "localtime", "hap", "pae", "nx", "apic", "acpi", "nestedhvm",
    "xen_platform_pci", "pci_permissive", "pci_seize", "pci_msitranslate", "pci_power_mgmt",
    "max_grant_frames", "max_maptrack_frames", "max_grant_version", "rdm_mem_boundary",
)  # fmt: skip
_LISTS = (
    "disk", "vif", "pci", "usbctrl", "usbdev", "vfb", "channel", "vtpm", "p9", "irqs", "ioports", "iomem",
)  # fmt: skip
_VIRIDIAN = frozenset({
    "base", "freq", "time_ref_count", "reference_tsc", "hcall_remote_tlb_flush", "apic_assist",
    "crash_ctl", "stimer", "hcall_ipi", "ex_processor_masks", "no_vp_limit", "cpu_hotplug",
})  # fmt: skip
_UUID = re.compile("-".join(rf"[0-9a-fA-F]{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_RANGE = re.compile(r"\^?(?:nodes?:)?(?:\d+(?:-\d+)?|all)|none")


def wrong(config: Config) -> list[Finding]:
    """Return a finding for each value that its key cannot have."""
    rules = (_choices, _numbers, _lists, _viridian, _uuid, _processors, _kind)
    return [finding for rule in rules for finding in rule(config)]


def _choices(config: Config) -> Iterator[Finding]:
    for key, allowed in _WORDS.items():
        value = config.text(key)
        if key not in config.values or value in allowed:
            continue
        if value.isdigit() and int(value) <= _ALSO_NUMBERS.get(key, -1):
            continue
        yield _fail(f'{key} is "{value}"', "xl refuses the file", f"write one of {', '.join(allowed)}")


def _numbers(config: Config) -> Iterator[Finding]:
    for key in _NUMBERS:
        if key in config.values and config.number(key) is None:
            yield _fail(
                f'{key} is "{config.text(key)}", not a number',
                "xl says so on the screen and goes on without it",
                f"write {key} = NUMBER",
            )


def _lists(config: Config) -> Iterator[Finding]:
    for key in _LISTS:
        if key in config.values and not isinstance(config.values[key], tuple):
            yield _fail(
                f"{key} is a single value, not a list",
                "xl says so on the screen and starts the guest without it",
                f'write {key} = [ "…" ]',
            )


def _viridian(config: Config) -> Iterator[Finding]:
    for group in config.items("viridian"):
        if group not in ("0", "1", "all", "defaults") and group.removeprefix("!") not in _VIRIDIAN:
            yield _fail(
                f'viridian names the group "{group}"',
                "xl refuses the file",
                f"write defaults, all, or some of {', '.join(sorted(_VIRIDIAN))}",
            )


def _uuid(config: Config) -> Iterator[Finding]:
    value = config.text("uuid")
    if value and not _UUID.fullmatch(value):
        yield _fail(f"uuid is {value}", "xl cannot read it", "write 8-4-4-4-12 hexadecimal digits")


def _processors(config: Config) -> Iterator[Finding]:
    most, few = config.number("maxvcpus"), config.number("vcpus")
    if most is not None and few is not None and most < few:
        yield _fail(
            f"maxvcpus ({most}) is less than vcpus ({few})", "xl refuses the file", f"write maxvcpus = {few}"
        )
    for key in ("cpus", "cpus_soft"):
        for value in config.items(key):
            parts = [part.strip() for part in value.split(",")]
            if not all(_RANGE.fullmatch(part) for part in parts) or "^all" in parts:
                yield _fail(f'{key} has "{value}"', "xl cannot read it", 'write it like "2-7,^3" or "all"')


def _kind(config: Config) -> Iterator[Finding]:
    kind = config.text("type")
    built = {"hvm": "hvm", "generic": "pv"}.get(config.text("builder"), kind)
    if kind and kind != built:
        yield _fail(
            f"`builder` makes it {built}, `type` makes it {kind}", "xl refuses the file", "remove builder"
        )
    if (kind or built or "pv") == "hvm":
        return
    if config.text("firmware") not in ("", "pvgrub32", "pvgrub64"):
        yield _fail(
            f'firmware is "{config.text("firmware")}", and the guest is not of type hvm',
            "only an HVM guest has a BIOS; xl refuses the file",
            'write type = "hvm"',
        )
    elif not any(config.text(key) for key in ("kernel", "bootloader", "firmware")):
        yield _fail(
            "the guest is not of type hvm, and names no kernel",
            "a PV or PVH guest starts a kernel, not a disk; xl refuses the file",
            'write type = "hvm"',
        )


def _fail(what: str, why: str, do: str) -> Finding:
    return Finding("fail", what, why, do, "xl.cfg(5)")
