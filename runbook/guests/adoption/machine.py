"""What a guest is, what it starts from, and how it ends: out of a configuration that is there."""

from __future__ import annotations

from runbook.guests.adoption.reading import Fields, Reading, Unadoptable
from runbook.guests.parts import VIRIDIAN
from runbook.guests.syntax import number_of

ORDER = "cda"
"""What an HVM guest boots where nothing is text (libxl)."""


def identity(reading: Reading) -> None:
    """Take type, name and uuid. Raises `Unadoptable` where there is no name."""
    reading.pop("type", "type", "builder")
    reading.put("type", reading.kind, "hvm")
    name = reading.text("name", "name")
    if name is None:
        raise Unadoptable('it has no name; xl would not start it: write `name = "…"` into it')
    reading.guest["name"] = name
    if uuid := reading.text("uuid", "uuid"):
        reading.guest["uuid"] = uuid.lower()


def machine(reading: Reading) -> None:
    """Take memory, virtual CPUs and firmware."""
    memory, most = reading.number("memory_mib", "memory"), reading.number("max_memory_mib", "maxmem")
    reading.guest["memory_mib"] = memory if memory is not None else most if most is not None else 32
    reading.put("max_memory_mib", most, reading.guest["memory_mib"] if most is not None else None)
    less = reading.guest["memory_mib"]
    if most is not None and (most < less or (most > less and reading.listed("pci"))):
        reading.guest.pop("max_memory_mib")
        reading.rest |= reading.origin.pop("max_memory_mib")
    vcpus = reading.number("vcpus", "vcpus")
    reading.put("vcpus", 1 if vcpus is None else vcpus, 1)
    _firmware(reading)
    if hole := reading.number("mmio_hole_mib", "mmio_hole"):
        reading.guest["mmio_hole_mib"] = hole


def _firmware(reading: Reading) -> None:
    kind = str(reading.rest.get("firmware", reading.rest.get("bios", "bios"))).lower()
    kinds = {"bios": "bios", "seabios": "bios", "uefi": "uefi", "ovmf": "uefi"}
    if reading.kind != "hvm":
        if firmware := reading.text("firmware", "firmware"):
            reading.guest["firmware"] = firmware
        return
    if (
        reading.rest.get("firmware")
        and reading.rest.get("bios")
        and reading.rest["firmware"] != reading.rest["bios"]
    ):
        return
    if kind in kinds:
        reading.pop("firmware", "firmware", "bios")
        reading.put("firmware", kinds[kind], "bios")
        if image := reading.text("firmware_image", "bios_path_override"):
            reading.guest["firmware_image"] = image
    elif kind.startswith("/") and "bios" not in reading.rest:
        reading.guest["firmware"] = reading.text("firmware", "firmware")


def processors(reading: Reading) -> None:
    """Take what says on which processors it runs, and how much."""
    names = {"maxvcpus": "max_vcpus", "cpu_weight": "weight", "cap": "cap"}
    found: Fields = {n: v for k, n in names.items() if (v := reading.number("processors", k)) is not None}
    if found.get("max_vcpus") == reading.guest.get("vcpus", 1):
        del found["max_vcpus"]
    for key in ("cpus", "cpus_soft", "pool"):
        if (text := reading.text("processors", key)) is not None:
            found[key] = text
    if reading.rest.get("nestedhvm") in (1, "1"):
        reading.pop("processors", "nestedhvm")
        found["nested"] = True
    reading.put("processors", found, {})


def clock(reading: Reading) -> None:
    """Take the clock and Hyper-V's ways; both as Windows has them make it Windows."""
    local = reading.number("local_time", "localtime")
    groups = _viridian(reading)
    if local == 1 and groups == VIRIDIAN and reading.kind == "hvm":
        reading.guest["os"] = "windows"
        return
    reading.put("local_time", None if local is None else bool(local))
    reading.put("viridian", None if groups is None else list(groups))


def _viridian(reading: Reading) -> tuple[str, ...] | None:
    value = reading.rest.get("viridian")
    if value is None or reading.kind != "hvm":
        return None
    if not isinstance(value, tuple) and number_of(value) is None:
        return None
    reading.pop("viridian", "viridian")
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return ("defaults",) if number_of(value) else ()


def start(reading: Reading) -> None:
    """Take what it starts from."""
    found: Fields = {}
    if reading.kind == "hvm":
        order = reading.text("boot", "boot")
        found |= {} if order == "c" else {"order": order or ORDER}
    for name in ("kernel", "ramdisk", "bootloader"):
        if text := reading.text("boot", name):
            found[name] = text
    if cmdline := _cmdline(reading):
        found["cmdline"] = cmdline
    if args := reading.listed("bootloader_args"):
        reading.pop("boot", "bootloader_args")
        found["bootloader_args"] = list(args)
    reading.put("boot", found, {})


def _cmdline(reading: Reading) -> str | None:
    """Return the kernel's command line: `cmdline`, or of the older kinds what xl makes of them."""
    root, more = reading.rest.get("root"), reading.rest.get("extra")
    if isinstance(root, tuple) or isinstance(more, tuple):
        return None
    if whole := reading.text("boot", "cmdline"):
        reading.pop("boot", "root", "extra")
        return whole
    reading.pop("boot", "root", "extra")
    return (
        " ".join(filter(None, (f"root={root}" if root is not None else "", str(more or "")))).strip() or None
    )


def endings(reading: Reading) -> None:
    """Take what xl does when it ends."""
    usual = {"on_poweroff": "destroy", "on_reboot": "restart", "on_crash": "preserve"}
    for key in ("on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset"):
        value = reading.text(key, key) or ("destroy" if key == "on_crash" else usual.get(key))
        reading.put(key, value, usual.get(key))
