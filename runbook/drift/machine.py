"""The machine itself: release, firmware settings, processor and memory."""

from __future__ import annotations

from runbook.drift.answers import runs, scripts
from runbook.drift.named import Things, listed, yes
from runbook.facts import bars, cpu, firmware, memory, xl
from runbook.facts import system as systems
from runbook.model.ask import Facts

_BOOTING = ("initializing", "starting")


def system(facts: Facts) -> Things:
    """Return release, name and state; the minutes after a boot count as running."""
    booted = systems.parse(facts)
    found = {"is": booted.pretty_name, "name": booted.hostname, "under Xen": yes(booted.is_dom0)}
    for _, answer in runs(facts, "systemctl", "is-system-running"):
        state = answer.out.strip()
        found["systemd"] = "running" if state in _BOOTING else state
    return {"system": found}


def firmware_settings(facts: Facts) -> Things:
    """Return what the firmware is set to, as far as a running system can see it."""
    settings = firmware.parse(facts)
    secure = {True: "on", False: "off", None: "not said"}[settings.secure_boot]
    remapping = {True: "yes", False: "no", None: "not said"}[settings.interrupt_remapping]
    tables = ["DMAR" if name == "RMAD" else name for name in settings.tables]
    chips, info = cpu.parse(facts), xl.info(facts)
    is_xen = bool(info)
    caps = [w for w in chips.xen_caps if not w.startswith("gnttab")] if is_xen else [chips.virtualisation]
    found = {
        "board": settings.board,
        "version": settings.version,
        "starts by": "UEFI" if settings.is_uefi else "BIOS",
        "Secure Boot": secure,
        "IOMMU": listed(tables),
        "interrupt remapping": remapping,
        ("virtualisation" if is_xen else "virtualisation without Xen"): listed(filter(None, caps)),
    }
    if (shown := bars.parse(facts)).windows is not None:
        found["windows above 4 GiB"] = yes(bool(shown.above_4g))
    return {"firmware": found}


def hardware(facts: Facts) -> Things:
    """Return processor, memory and USB devices."""
    chip, room = cpu.parse(facts), memory.parse(facts)
    found = {"processor": chip.model, "threads": str(chip.threads), "memory": f"{room.machine_mib} MiB"}
    if not xl.info(facts):
        found.pop("memory")  # the kernel's own count differs by some pages from boot to boot
    usb = [line for answer in scripts(facts, "/sys/bus/usb/devices 2>/dev/null && grep") for line in
           answer.out.splitlines() if "/product:" in line]  # fmt: skip
    return {"hardware": {**found, "USB": listed(sorted(line.partition("/product:")[2] for line in usb))}}
