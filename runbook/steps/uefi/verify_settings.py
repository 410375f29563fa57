"""Verify from the running system what the firmware was set to."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import survey
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import xen_dangers
from runbook.survey.settings import Setting, settings
from runbook.survey.xen_quirks import is_without_remapping

TITLE = "Verify the firmware's settings from the running system"
GUIDE = "UEFI Configuration: VT-x and VT-d on, drives to AHCI, video onboard; nothing was verified (H103)"
RISK: Risk = "safe"

_WHY = {
    "virtualisation": (
        "Xen runs ordinary operating systems only on a processor that helps",
        "",
    ),
    "iommu": ("without it no device can be given to a guest, and Xen will not start", ""),
    "interrupt-remapping": (
        "a guest with a device could send false interrupts to the host",
        "",
    ),
    "boot-mode": ("Xen runs so too, but this runbook was proven on UEFI machines only", "H209"),
    "secure-boot": ("Debian's signed GRUB lacks the command multiboot2, so it cannot start Xen", "H105"),
    "disk-mode": (
        "RAID mode hides disks behind a driver of the board's, and IDE mode is slow; "
        "the system must be installed in the mode that it shall run in",
        "H101",
    ),
    "primary-display": (
        "the firmware and the boot screen hold on to the primary display",
        "",
    ),
}


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions of the survey."""
    return survey.asks()


def read(params: HostParams, facts: Facts) -> tuple[Setting, ...]:
    """Return the settings of the facts."""
    return settings(params, survey.read(facts, params.xen.options), facts)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action: a setting is changed in the firmware, by hand."""
    return Plan(findings=tuple(_findings(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return the settings that stop this machine from becoming a host."""
    return [f for f in _findings(params, facts) if f.stops]


def _findings(params: HostParams, facts: Facts) -> Iterator[Finding]:
    machine = survey.read(facts, params.xen.options)
    yield from xen_dangers.iommu(params, machine)
    told = {"iommu", "interrupt-remapping"} if machine.iommu_off else set()
    told |= {"interrupt-remapping"} if is_without_remapping(params.xen.options) else set()
    for setting in settings(params, machine, facts):
        if setting.name in told:
            continue
        if setting.state in ("wrong", "take care") and setting.name in _WHY:
            why, source = _WHY[setting.name]
            yield Finding(
                "refuse" if setting.state == "wrong" else "warn",
                f"{setting.title} should be {setting.wanted}: {setting.seen}",
                why,
                f"restart into the firmware's menus (`systemctl reboot --firmware-setup`): {setting.place}",
                source,
            )
