"""Machines for tests: the real testbed, any part of it exchanged, and PCI devices built from a few words.

The files in `testbed/` hold what the testbed showed before Xen was installed, written in the form in
which our questions return it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook import survey
from runbook.facts import (
    bars,
    cpu,
    displays,
    firmware,
    isolation,
    memory,
    network,
    pci,
    sessions,
    space,
    usb,
    xl,
)
from runbook.facts.storage import asks as storage
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams
from runbook.survey import kept
from tests import storage_answers

_FILES = Path(__file__).parent / "testbed"
_ASKS: dict[str, Ask] = {
    "cpuinfo": cpu._CPUINFO, "xl-info": xl.INFO, "meminfo": memory._MEMTOTAL,
    "dmi": firmware._DMI, "firmware-tables": firmware._TABLES,
    "pci-attributes": pci._ATTRIBUTES, "pci-links": pci._LINKS, "lspci": pci._NAMES,
    "pci-modules": pci._MODULES, "pci-beyond": pci._BEYOND,
    "pci-capabilities": isolation._CAPABILITIES, "pci-physical": isolation._PHYSICAL,
    "iommu-regions": isolation._REGIONS, "cmdline": isolation._CMDLINE,
    "lsblk.json": storage.LSBLK, "findmnt.json": storage.FINDMNT, "lvm.json": storage.LVM, "vgs.json": storage.LVM,
    "losetup.json": storage.LOOPS, "block-links": storage.LINKS, "boot-free": space.commands("/boot")[0],
    "ip-addr.json": network._ADDR, "ip-route.json": network._ROUTE, "session": network._SESSION,
    "net-links": network._LINKS, "ip-route6.json": network.ROUTE6, "pppoe": network.PPPOE,
    "sessions": sessions._SESSIONS, "usb": usb._INTERFACES, "usb-links": usb._LINKS,
    "pci-windows": bars._WINDOWS, "displays": displays._DISPLAYS,
    "kept": Ask.read(kept.PATH),
    "os-release": Ask.read("/etc/os-release"),
    "hypervisor": Ask.read("/sys/hypervisor/type"),
    "capabilities": Ask.read("/proc/xen/capabilities"),
}  # fmt: skip
ANSWERS = tuple(_ASKS)
"""The names of the answers, as files in a folder."""
SESSION = "10.0.2.2 51234 10.0.2.15 22\n"
XL_INFO = """\
nr_cpus                : 2
virt_caps              : pv hvm hvm_directio pv_directio hap gnttab-v1 gnttab-v2
total_memory           : 6137
free_memory            : 4026
"""
DOM0 = {
    "hypervisor": "xen\n",
    "capabilities": "control_d\n",
    "xl_info": XL_INFO,
    "cpuinfo": "model name\t: AMD EPYC Processor\nflags\t\t: fpu de lm nx hypervisor lahf_lm\nthreads : 2\n",
    "meminfo": "MemTotal:        1945392 kB\n",
    "usb": "",
    "usb_links": "",
}


def bare(**changes: str | None) -> Facts:
    """Return the facts of the testbed on plain Debian, answers exchanged by name (None: there is none).

    A dot or hyphen in a name is written as an underscore.
    """
    named = {_key(name): answer for name, answer in changes.items()}
    assert set(named) <= {_key(name) for name in _ASKS}
    answers = {ask: Answer(MISSING) if ask.kind == "read" else Answer(127) for ask in survey.asks()}
    for name, ask in _ASKS.items():
        file = _FILES / name
        out = SESSION if name == "session" else file.read_text() if file.exists() else None
        out = named.get(_key(name), out)
        if out is not None:
            answers[ask] = Answer(0, out)
    return Facts(answers)


def dom0(**changes: str | None) -> Facts:
    """Return the facts of the testbed under Xen: no flags, no IOMMU groups, three devices hidden."""
    links = [line for line in _file("pci-links").splitlines(keepends=True) if "iommu_group" not in line]
    hidden = ("0000:00:05.0/driver", "0000:00:06.0/driver", "0000:00:07.0/driver")
    shown = [re.sub("drivers/.*", "drivers/pciback", x) if any(h in x for h in hidden) else x for x in links]
    cards = [line for line in _file("net-links").splitlines(keepends=True) if "enp0s5" not in line]
    now = {"pci_links": "".join(shown), "net_links": "".join(cards), "kept": kept_survey()}
    return bare(**{**DOM0, **now, **changes})


def kept_survey() -> str:
    """Return the survey that the testbed keeps of itself."""
    facts = bare()
    return kept.text(cpu.parse(facts), firmware.parse(facts), pci.parse(facts))


@dataclass(frozen=True)
class Pci:
    """One device for a test: `above` are the bridges over it; `bus` makes it a bridge."""

    bdf: str
    id: str = "8086:10d3"
    code: str = "020000"
    above: tuple[str, ...] = ()
    group: int | None = None
    reset: str = "flr"
    bus: int | None = None
    express: bool = True
    boot_vga: bool = False
    acs: bool = True
    express_kind: str = ""
    """What lspci calls it; '' for an endpoint, and for a bridge a root port or, below another, a downstream port."""


def devices(*built: Pci, **changes: str | None) -> Facts:
    """Return the facts of a machine with just these PCI devices, nothing of dom0's on any of them.

    Each has ACS: where it has no group, it is known to be apart. `pci_capabilities=None` is a machine that cannot say.
    """
    attributes, links = [], []
    for d in built:
        vendor, number = d.id.split(":")
        values = {
            "vendor": f"0x{vendor}", "device": f"0x{number}", "class": f"0x{d.code}", "reset_method": d.reset,
            "secondary_bus_number": d.bus, "max_link_speed": "5.0 GT/s PCIe" if d.express else None,
            "boot_vga": int(d.boot_vga) if d.code.startswith("03") else None,
        }  # fmt: skip
        attributes += [f"{d.bdf}/{name}:{value}" for name, value in values.items() if value not in (None, "")]
        path = "/".join(("../../../devices/pci0000:00", *d.above, d.bdf))
        links.append(f"/sys/bus/pci/devices/{d.bdf} {path}")
        if d.group is not None:
            links.append(f"/sys/bus/pci/devices/{d.bdf}/iommu_group ../../../kernel/iommu_groups/{d.group}")
    alone = {"pci_attributes": "\n".join(attributes) + "\n", "pci_links": "\n".join(links) + "\n"}
    bridges = {bdf for d in built for bdf in d.above} - {d.bdf for d in built}
    all_of_it = (*built, *(Pci(bdf, code="060400", bus=1) for bdf in sorted(bridges)))
    alone["pci_capabilities"] = "".join(map(_capabilities, all_of_it))
    nothing = {"block_links": "", "net_links": "", "usb_links": "", "lspci": None, "pci_modules": ""}
    return bare(**{**alone, **nothing, **changes})


def _capabilities(device: Pci) -> str:
    """Return what `lspci -v` says of a device, less what is not asked for."""
    port = ("Downstream Port" if device.above else "Root Port") + " (Slot+)"
    kind = device.express_kind or ("Endpoint" if device.bus is None else port)
    lines = [f"{device.bdf} {device.code[:4]}: {device.id}"]
    if device.express:
        lines.append(f"\tCapabilities: [40] Express (v2) {kind}, IntMsgNum 0")
    if device.express and device.acs:
        lines.append("\tCapabilities: [148] Access Control Services")
    return "".join(f"{line}\n" for line in lines)


def params(*hidden: dict[str, Any], guests: tuple[dict[str, Any], ...] = (), **more: Any) -> HostParams:
    """Return parameters that hide the given devices, and ask for little memory."""
    return HostParams.model_validate({
        "host": "testbed", "connection": {"kind": "local"}, "dom0": {"memory_mib": 1024},
        "passthrough": {"devices": [{"what": "a card", "id": "8086:10d3", **device} for device in hidden]},
        "guests": guests, **more,
    })  # fmt: skip


def guest(name: str, *pci: str, display: int = 1) -> dict[str, Any]:
    """Return a small guest with some devices."""
    volume = {"name": name, "size_gib": 1}
    return {"name": name, "memory_mib": 64, "volume": volume, "vnc_display": display, "pci": list(pci)}


def lsblk(*disks: dict[str, Any]) -> str:
    """Return the answer of lsblk with these disks; what a disk does not say is empty."""
    return storage_answers.lsblk(*map(_node, disks))


def _node(disk: dict[str, Any]) -> dict[str, Any]:
    parts = [_node({"type": "part", **child}) for child in disk.get("children", ())]
    return storage_answers.full({**disk, "children": parts})


def dmar(*regions: tuple[tuple[int, tuple[int, ...]], ...], flags: int = 1) -> str:
    """Return a dumped DMAR table whose RMRRs have scopes (bus, (slot, function, ...))."""
    body = b""
    for region in regions:
        scopes = b"".join(bytes([1, 6 + len(path), 0, 0, 0, bus, *path]) for bus, path in region)
        body += (1).to_bytes(2, "little") + (24 + len(scopes)).to_bytes(2, "little") + bytes(20) + scopes
    table = b"DMAR" + bytes(32) + bytes([38, flags]) + bytes(10) + body
    return "= efi\n= acpi/tables/DMAR\n" + "".join(
        f" {table[i : i + 16].hex(' ')}\n" for i in range(0, len(table), 16)
    )


def _file(name: str) -> str:
    return (_FILES / name).read_text()


def _key(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")
