"""The survey as two tables that a person can read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from runbook.facts.pci import Device
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.survey import machine as machines
from runbook.survey.groups import Member
from runbook.survey.reasons import PLATFORM, Reason, verdict, worst
from runbook.survey.verdict import judge, ports
from runbook.text.ranges import ranges
from runbook.text.sizes import human_size

if TYPE_CHECKING:
    import pandas as pd

_TABLES = {"DMAR": "Intel VT-d (DMAR)", "RMAD": "Intel VT-d (DMAR, in use by Xen)", "IVRS": "AMD-Vi (IVRS)"}
_TOLD = frozenset({"bridge", "iommu", "group", "siblings"})
"""Kinds of reasons without a move of their own to tell."""
_ELSEWHERE = frozenset({"held", "parted", "nf200"})
"""Kinds whose move is another slot or card."""
_MANY = 6
"""So many stretches of addresses are counted instead of written."""


def survey_table(facts: Facts, params: HostParams | None = None) -> pd.DataFrame:
    """Return one row a PCI device: address, device, class, id, driver, group, reset, verdict, why.

    Every cell is text. With parameters the guests' volume group and the ports of bridges count as dom0's own.
    """
    import pandas as pd

    rows = []
    for device, reasons in _judged(facts, params):
        rows.append({
            "address": device.bdf,
            "device": device.name,
            "class": device.class_name,
            "id": device.id,
            "driver": device.driver,
            "group": "" if device.group is None else str(device.group),
            "reset": " ".join(device.reset_methods),
            "verdict": verdict(reasons),
            "why": "; ".join(reason.text for reason in reasons),
        })  # fmt: skip
    columns = ["address", "device", "class", "id", "driver", "group", "reset", "verdict", "why"]
    return pd.DataFrame(rows, columns=columns, dtype=str)


def moves(facts: Facts, params: HostParams | None = None) -> list[tuple[str, str]]:
    """Return what a person can do about the reasons in `survey_table`: each move once, with the devices that it is for.

    Of a device that must stay these are about what keeps it. Left out are bridges, parts of the machine itself, and company,
    which tells its move itself.
    """
    judged = [Member(device, reasons) for device, reasons in _judged(facts, params)]
    found: dict[str, set[str]] = {}
    for member in judged:
        reasons = () if member.is_platform else worst(member.reasons)
        # Where Xen hands no device out at all, no slot and no other card helps.
        is_off = any(reason.kind == "iommu-off" for reason in reasons)
        for reason in reasons:
            if reason.kind not in _TOLD and not (is_off and reason.kind in _ELSEWHERE):
                found.setdefault(reason.do, set()).add(member.device.bdf)
    among = [member.device.bdf for member in judged]
    return [(do, short_ranges(bdfs, among)) for do, bdfs in found.items()]


def parts_of_the_machine(facts: Facts, params: HostParams | None = None) -> dict[str, str]:
    """Return for each device that is a part of the machine itself, and wanted by nobody, what it is: all of why to be said."""
    members = (Member(device, reasons) for device, reasons in _judged(facts, params))
    return {
        m.device.bdf: next(r.text for r in m.reasons if r.kind in PLATFORM) for m in members if m.is_platform
    }


def short_ranges(bdfs: Collection[str], among: Sequence[str]) -> str:
    """Return some addresses as `ranges` does; where that would be a list of its own, how many there are."""
    text = ranges(bdfs, among)
    return text if text.count(",") < _MANY else f"{len(bdfs)} devices"


def _judged(facts: Facts, params: HostParams | None) -> Iterator[tuple[Device, tuple[Reason, ...]]]:
    """Yield each device with the reasons about it."""
    machine = machines.read(facts, params.xen.options if params else ())
    guest_group = params.storage.guest_volume_group if params else ""
    kept = ports(machine, ((b.name, b.ports) for b in params.network.bridges)) if params else {}
    yield from ((device, judge(machine, device, guest_group, kept)) for device in machine.devices)


def machine_table(facts: Facts) -> pd.DataFrame:
    """Return what the machine is, one row per property: `what` and `value`, both text."""
    import pandas as pd

    return pd.DataFrame(machine_rows(machines.read(facts)), columns=["what", "value"], dtype=str)


def machine_rows(machine: machines.Machine) -> list[tuple[str, str]]:
    """Return what a machine is: each property with its value."""
    cpu, firmware = machine.cpu, machine.firmware
    secure = {True: "on", False: "off", None: "unknown"}[firmware.secure_boot]
    disks = [b for b in machine.storage.devices if b.kind == "disk" and b.controllers]
    session = machine.network.session or "none"
    return [
        ("processor", f"{cpu.model}, {cpu.threads} threads"),
        ("virtualisation", _virtualisation(machine)),
        ("memory", f"{machine.memory.machine_mib} MiB"),
        ("board", ", ".join(part for part in (firmware.board, firmware.version) if part) or "unknown"),
        ("started by", "UEFI" if firmware.is_uefi else "BIOS"),
        ("Secure Boot", secure),
        ("IOMMU", ", ".join(_TABLES[name] for name in firmware.tables) or "none announced by the firmware"),
        ("hypervisor", "Xen" if machine.system.is_dom0 else "none"),
        ("disks", ", ".join(f"{d.name} {human_size(d.size_bytes)}" for d in disks) or "none"),
        ("cards", ", ".join(i.name for i in machine.network.interfaces if i.controller) or "none"),
        *_monitors(machine),
        ("this session came in by", ", ".join(machine.network.cards_below(session)) or session),
    ]


def _monitors(machine: machines.Machine) -> list[tuple[str, str]]:
    """Return where monitors are, nothing where the kernel shows none: a card that is hidden shows no connector."""
    found = [f"{bdf} ({', '.join(names)})" for bdf, names in sorted(machine.displays.monitors.items())]
    return [("monitors", ", ".join(found))] if found else []


def _virtualisation(machine: machines.Machine) -> str:
    if machine.system.is_dom0 and machine.cpu.xen_caps:
        return "Xen says: " + " ".join(machine.cpu.xen_caps)
    return " with ".join(word for word in machine.virtualisation if word) or "not seen"
