"""The firmware's settings one by one: what each should be, what it is, and how that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.survey import menus
from runbook.survey.machine import Machine
from runbook.survey.xen_quirks import is_without_remapping

State = Literal["right", "wrong", "take care", "not needed", "unseen", "confirmed"]
Reading = tuple[State, str]
"""How a setting stands, and the witness in words."""
_UNSEEN: Reading = ("unseen", "the running system cannot tell")


@dataclass(frozen=True)
class Setting:
    """One setting of the firmware on one machine."""

    name: str
    title: str
    wanted: str
    state: State
    """`unseen`: the running system cannot tell, and nobody has confirmed it in the parameters."""
    seen: str
    place: str
    """Where it is in this board's menus."""


_TITLES = {
    "virtualisation": ("Hardware virtualisation with nested paging", "on"),
    "iommu": ("IOMMU", "on"),
    "interrupt-remapping": ("Interrupt remapping", "on"),
    "boot-mode": ("Boot mode", "UEFI, without CSM"),
    "secure-boot": ("Secure Boot", "off"),
    "disk-mode": ("Mode of the disk controllers", "AHCI, or NVMe by itself"),
    "primary-display": ("Primary display", "the one that stays with the host"),
    "usb-legacy": ("Legacy USB", "off"),
    "above-4g": ("Above 4G decoding", "on, when a card has large memory"),
    "resizable-bar": ("Resizable BAR", "off, when the guest fails with it"),
    "power-loss": ("After a power failure", "switch on again, for a machine that routes your network"),
}


def settings(params: HostParams, machine: Machine, facts: Facts) -> tuple[Setting, ...]:
    """Return every setting of the list, in the order in which the notebook tells of them."""
    chosen = params.firmware.board
    maker = menus.maker_of(machine.firmware.board) if chosen == "auto" else chosen
    by_eye = {c.setting: c.value + (f", seen on {c.on}" if c.on else "") for c in params.firmware.confirmed}
    found = []
    for name in menus.SETTINGS:
        read = _READ.get(name)
        state, seen = read(params, machine, facts) if read else _UNSEEN
        if state == "unseen" and name in by_eye:
            state, seen = "confirmed", by_eye[name]
        title, wanted = _TITLES[name]
        found.append(Setting(name, title, wanted, state, seen, menus.place(maker, name)))
    return tuple(found)


def _virtualisation(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    virtual, nested = machine.virtualisation
    if virtual and nested:
        return "right", f"{virtual} and {nested}"
    if machine.system.is_dom0 and not machine.cpu.xen_caps and machine.kept is None:
        return "unseen", "dom0 sees no flags, and `xl info` does not answer"
    return (
        "wrong",
        f"{virtual} without nested paging" if virtual else "the processor shows neither vmx nor svm",
    )


def _iommu(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    caps = machine.cpu.xen_caps
    if machine.system.is_dom0 and caps:
        return ("right", "Xen: hvm_directio") if "hvm_directio" in caps else ("wrong", "Xen found none")
    tables = machine.firmware.tables or (machine.kept.tables if machine.kept else ())
    if not tables:
        return "wrong", "neither the ACPI table DMAR nor IVRS is there"
    return _switched_off(machine) or ("right", f"ACPI table {', '.join(tables)}")


def _switched_off(machine: Machine) -> Reading | None:
    """Return how it stands where Xen takes the IOMMU away whatever the firmware says, None where it does not."""
    off = machine.iommu_off
    if off is None:
        return None
    if off.is_sure:
        return "wrong", f"Xen switches it off: {off.bdf} is {off.what}"
    return "take care", f"Xen switches it off if {off.bdf} is {off.what}; its revision is not known"


def _interrupts(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    if is_without_remapping(machine.xen_options):
        return "take care", "xen.options switch it off"
    if reading := _switched_off(machine):
        return reading
    if machine.firmware.interrupt_remapping is None:
        if "IVRS" in machine.firmware.tables:
            return "right", "part of AMD's IOMMU, by the table IVRS alone; Xen's word is in `xl dmesg`"
        return "unseen", "no DMAR table says"
    return (
        ("right", "DMAR says so") if machine.firmware.interrupt_remapping else ("take care", "DMAR says no")
    )


def _boot_mode(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    is_uefi = machine.firmware.is_uefi or (machine.kept is not None and machine.kept.is_uefi)
    return ("right", "started by UEFI") if is_uefi else ("take care", "started the BIOS way")


def _secure_boot(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    seen = machine.firmware.secure_boot
    if seen is None:
        return (
            "right",
            "the firmware has no such variable" if machine.firmware.is_uefi else "no UEFI, so none",
        )
    return ("wrong", "the firmware says on") if seen else ("right", "the firmware says off")


def _disk_mode(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    modes = {"0101": "IDE", "0104": "RAID"}
    wrong = [d for d in machine.devices if d.class_code[:4] in modes]
    if wrong:
        return "take care", ", ".join(f"{d.bdf} in {modes[d.class_code[:4]]} mode" for d in wrong)
    ahci = [d.bdf for d in machine.devices if d.class_code == "010601"]
    return "right", f"AHCI: {', '.join(ahci)}" if ahci else "no SATA controller"


def _display(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    displays = [d for d in machine.devices if d.class_code.startswith("03")]
    passed = {d.bdf for d in params.passthrough.devices}
    primary = next((d for d in displays if d.is_boot_vga), None)
    if not displays:
        return "not needed", "there is no display"
    if primary is None:
        return "unseen", "no display says that it is the primary one"
    if primary.bdf in passed:
        return "wrong", f"{primary.bdf} {primary.name} is primary, and a guest shall have it"
    return "right", f"{primary.bdf} {primary.name}"


def _above_4g(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    above = machine.bars.above_4g
    if above:
        return "right", f"{len(above)} devices have memory there, such as {above[0]}"
    return _only_for_displays(params, machine, facts)


def _only_for_displays(params: HostParams, machine: Machine, facts: Facts) -> Reading:
    passed = {d.bdf for d in params.passthrough.devices}
    if any(d.bdf in passed and d.class_code.startswith("03") for d in machine.devices):
        return _UNSEEN
    return "not needed", "no graphics card is passed"


_READ: dict[str, Callable[[HostParams, Machine, Facts], Reading]] = {
    "virtualisation": _virtualisation,
    "iommu": _iommu,
    "interrupt-remapping": _interrupts,
    "boot-mode": _boot_mode,
    "secure-boot": _secure_boot,
    "disk-mode": _disk_mode,
    "primary-display": _display,
    "above-4g": _above_4g,
    "resizable-bar": _only_for_displays,
}


def unseen(found: tuple[Setting, ...]) -> Iterator[Setting]:
    """Yield the settings that a person has to look at."""
    return (setting for setting in found if setting.state == "unseen")
