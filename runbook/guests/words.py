"""Values that xl leaves out without stopping: numbers that are none, and lists that are single values.

It says so with a line on the screen, which nobody sees when the guest starts with the host. Source: xl.cfg(5) and xl's
own parser, 4.17 and 4.20, which the tests ask.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbook.guests.syntax import Config
from runbook.model.plan import Finding

_NUMBERS = (
    "memory", "maxmem", "vcpus", "maxvcpus", "mmio_hole", "videoram", "vnc", "vncdisplay", "vncunused",
    "usb", "usbversion", "sdl", "localtime", "hap", "pae", "nx", "apic", "acpi", "nestedhvm",
    "xen_platform_pci", "pci_permissive", "pci_seize", "pci_msitranslate", "pci_power_mgmt", "rdm_mem_boundary",
    "cpu_weight", "cap",
)  # fmt: skip
_LISTS = (
    "disk", "vif", "pci", "usbctrl", "usbdev", "vfb", "channel", "vtpm", "p9", "irqs", "ioports", "iomem", "vkb",
)  # fmt: skip
_TEXTS = (
    "kernel", "ramdisk", "cmdline", "root", "extra", "bootloader", "boot", "vga", "firmware", "bios", "uuid",
    "vnclisten", "vncpasswd", "soundhw", "on_poweroff", "on_reboot", "on_crash", "on_watchdog",
)  # fmt: skip


def wrong(config: Config) -> list[Finding]:
    """Return a finding for each value that xl leaves out."""
    return [*_numbers(config), *_lists(config), *_texts(config), *_viridian(config)]


def _numbers(config: Config) -> Iterator[Finding]:
    for key in _NUMBERS:
        if key in config.values and config.number(key) is None:
            yield _fail(
                f'{key} is "{config.text(key)}", not a number',
                "xl says so on the screen and goes on without it",
                f"write {key} = NUMBER"
                + (", with = alone: xl adds no numbers" if key in config.added else ""),
            )


def _lists(config: Config) -> Iterator[Finding]:
    for key in _LISTS:
        value = config.values.get(key, ())
        if not isinstance(value, tuple):
            yield _fail(
                f"{key} is a single value, not a list",
                "xl says so on the screen and starts the guest without it",
                f'write {key} = [ "…" ]',
            )
        elif any(isinstance(item, tuple) for item in value):
            yield _fail(
                f"{key} has a list in its list",
                "xl reads it up to there, and starts the guest without the rest",
                f'write {key} = [ "…", "…" ]',
            )


def _texts(config: Config) -> Iterator[Finding]:
    for key in _TEXTS:
        if isinstance(config.values.get(key), tuple):
            yield _fail(
                f"{key} is a list, not a single value",
                "xl says so on the screen and goes on without it",
                f'write {key} = "…"',
            )


def _viridian(config: Config) -> Iterator[Finding]:
    if (
        "viridian" in config.values
        and not isinstance(config.values["viridian"], tuple)
        and config.number("viridian") is None
    ):
        yield _fail(
            f'viridian is "{config.text("viridian")}"',
            "xl says so on the screen and goes on without it",
            'write viridian = [ "defaults" ], or 1',
        )


def _fail(what: str, why: str, do: str) -> Finding:
    return Finding("fail", what, why, do, "xl.cfg(5)")
