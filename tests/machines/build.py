"""A machine of the corpus as the survey's answers: the shapes that `tests.survey.machines.bare` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runbook.facts.pci import _CLASSES
from runbook.model.ask import Answer, Facts
from runbook.steps.uefi import verify_settings
from tests import storage_answers
from tests.machines.form import Disk, Machine, Pci
from tests.survey.machines import bare, dmar, params

_CHASSIS = {"desktop": 3, "laptop": 10, "server": 23, "mini PC": 35}
"""The kind of enclosure that the firmware names (SMBIOS 7.4.1), by the first word of `kinds`."""
_MODULES = {"xhci_hcd": "xhci_pci", "ehci-pci": "ehci_pci", "pcieport": "", "pciback": "", "vfio-pci": ""}
_FLAGS = {"intel": ("GenuineIntel", "vmx ept"), "amd": ("AuthenticAMD", "svm npt")}
_TABLES = {
    "DMAR": dmar(), "IVRS": "= efi\n= acpi/tables/IVRS\n", "none": "= efi\n",
}  # fmt: skip


def facts(machine: Machine, **changes: str | None) -> Facts:
    """Return the facts of a machine as its own root would be answered."""
    made = bare(
        **{**_devices(machine), **_storage(machine), **_network(machine), **_board(machine), **changes}
    )
    as_root = {
        a: Answer(0, {"id -u": "0\n", "uname -n": "box\n"}[a.key])
        for a in made
        if a.key in ("id -u", "uname -n")
    }
    beside = {ask: Answer(127) for ask in verify_settings.asks(params())}
    return Facts({**beside, **made, **as_root})


def sysfs(machine: Machine, bdf: str) -> str:
    """Return a device's path below /sys: a bus that a device makes in a domain of its own (VMD) has a step of its own."""
    steps, domain = [], ""
    for at in machine.path(bdf):
        if at.partition(":")[0] != domain:
            domain = at.partition(":")[0]
            steps.append(f"pci{at.rpartition(':')[0]}")
        steps.append(at)
    return "../../../devices/" + "/".join(steps)


def _devices(machine: Machine) -> dict[str, str]:
    attributes, links, modules, names, physical = [], [], [], [], []
    for d in machine.devices:
        at = f"/sys/bus/pci/devices/{d.bdf}"
        attributes += [f"{d.bdf}/{name}:{value}" for name, value in _attributes(d) if value]
        links.append(f"{at} {sysfs(machine, d.bdf)}")
        links += [f"{at}/iommu_group ../../../kernel/iommu_groups/{d.group}"] if d.group else []
        links += [f"{at}/driver ../../../bus/pci/drivers/{d.driver}"] if d.driver else []
        physical += [f"{at}/physfn ../{d.physical}"] if d.physical else []
        modules += (
            [f"= {d.bdf}", *filter(None, [_MODULES.get(d.driver, d.driver)])] if not d.is_bridge else []
        )
        names.append(_lspci(d))
    answers = {
        "pci_attributes": attributes,
        "pci_links": links,
        "pci_modules": modules,
        "lspci": names,
        "pci_physical": physical,
    }
    return {name: "\n".join(lines) + "\n" for name, lines in answers.items()}


def _attributes(d: Pci) -> Iterator[tuple[str, str]]:
    vendor, number = d.id.split(":")
    yield from (("vendor", f"0x{vendor}"), ("device", f"0x{number}"), ("class", f"0x{d.code}"))
    yield "boot_vga", str(int(d.is_boot_vga)) if d.code.startswith("0300") else ""
    yield from (
        ("reset_method", d.resets.replace(",", " ")),
        ("secondary_bus_number", str(int(d.bus, 16)) if d.bus else ""),
    )
    yield "max_link_speed", "8.0 GT/s PCIe" if d.is_express else ""


def _lspci(d: Pci) -> str:
    """Return the line of `lspci -Dmmnn` without a database of names: the numbers alone, a class in our own words."""
    vendor, number = d.id.split(":")
    code = d.code[:4]
    kind = _CLASSES.get(code) or _CLASSES.get(code[:2], "Class")
    revision = f" -r{d.revision}" if d.revision not in ("", "00") else ""
    return f'{d.bdf} "{kind} [{code}]" "Vendor [{vendor}]" "Device [{number}]"{revision} "" ""'


def _storage(machine: Machine) -> dict[str, str]:
    nodes, links, mounts, parts, rest = [], [], [], [], dict[str, Any]()
    volumes = str(machine.head.get("volumes") or "").splitlines()
    for disk in machine.disks:
        node, mounted = _disk(disk, volumes, rest)
        nodes.append(node)
        mounts += mounted
        links += _links(machine, disk, [child["name"] for child in node.get("children", ())])
        parts += (
            [(f"/dev/{disk.name}", disk.member[4:], disk.gib << 30)] if disk.member.startswith("lvm:") else []
        )
    mounts += [(place, source, "zfs", "rw") for source, place in map(str.split, _zfs(machine))]
    groups = {name: (size, 0) for _, name, size in parts}
    rows = [
        storage_answers.lv(line.split()[0], 64 << 30, minor)
        for minor, line in enumerate(volumes)
        if line.strip()
    ]
    return {
        "lsblk_json": storage_answers.lsblk(*nodes), "block_links": "\n".join(links) + "\n",
        "findmnt_json": storage_answers.findmnt(*mounts), "lvm_json": storage_answers.lvm(groups, parts, rows),
    }  # fmt: skip


def _zfs(machine: Machine) -> list[str]:
    return [line for line in str(machine.head.get("datasets") or "").splitlines() if line.strip()]


def _disk(
    disk: Disk, volumes: list[str], arrays: dict[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, str, str, str]]]:
    """Return a disk as lsblk has it, a partition for each place, and what is mounted from it."""
    kind, _, what = disk.member.partition(":")
    join = "p" if disk.name[-1].isdigit() else ""
    children, mounted = [], []
    for number, place in enumerate(disk.places, 1):
        fs = "swap" if place == "swap" else "vfat" if place == "/boot/efi" else "ext4"
        name = f"{disk.name}{join}{number}"
        children.append(
            storage_answers.node(name, "part", at=["[SWAP]" if fs == "swap" else place], fstype=fs)
        )
        mounted += [(place, f"/dev/{name}", fs, "rw")] if fs != "swap" else []
    columns: dict[str, Any] = {"size": disk.gib << 30}
    if kind == "zfs":
        children.append(
            storage_answers.node(
                f"{disk.name}{join}{len(children) + 1}", "part", fstype="zfs_member", label=what
            )
        )
    elif kind == "lvm":
        columns["fstype"] = "LVM2_member"
        for minor, line in enumerate(volumes):
            path, *places = line.split()
            if path.startswith(f"{what}/"):
                children.append(
                    storage_answers.node(
                        storage_answers.mapped(path), "lvm", at=places, fstype="ext4", minor=minor
                    )
                )
                mounted += [
                    (place, f"/dev/mapper/{storage_answers.mapped(path)}", "ext4", "rw") for place in places
                ]
    elif kind == "md":
        name, *places = what.split("@")
        is_new = name not in arrays
        arrays[name] = arrays.get(name) or storage_answers.node(name, "raid1", at=places, fstype="ext4")
        children.append(
            storage_answers.node(
                f"{disk.name}{join}{len(children) + 1}", "part", arrays[name], fstype="linux_raid_member"
            )
        )
        mounted += [(place, f"/dev/{name}", "ext4", "rw") for place in places if is_new]
    elif kind == "fs":
        children.append(storage_answers.node(f"{disk.name}{join}{len(children) + 1}", "part", fstype=what))
    return storage_answers.node(disk.name, "disk", *children, **columns), mounted


def _links(machine: Machine, disk: Disk, parts: list[str]) -> list[str]:
    at = [sysfs(machine, bdf).removeprefix("../") for bdf in disk.controllers]
    if disk.name.startswith("nvme"):
        drive = disk.name.partition("n1")[0]
        if len(at) > 1 or machine.head.get("multipath"):
            number = drive[4:]
            home = f"../../devices/virtual/nvme-subsystem/nvme-subsys{number}/{disk.name}"
            ways = [
                f"nvme{number}c{n}n1 {path}/nvme/nvme{n}/nvme{number}c{n}n1"
                for n, path in enumerate(at, int(number))
            ]
            drives = [f"nvme{n} ../{path}/nvme/nvme{n}" for n, path in enumerate(at, int(number))]
            return [*ways, f"{disk.name} {home}", *(f"{p} {home}/{p}" for p in parts), *drives]
        home = f"{at[0]}/nvme/{drive}/{disk.name}"
    elif disk.name.startswith("mmcblk"):
        home = f"{at[0]}/mmc_host/mmc0/mmc0:0001/block/{disk.name}"
    else:
        home = f"{at[0]}/ata1/host0/target0:0:0/0:0:0:0/block/{disk.name}"
    return [f"{disk.name} {home}", *(f"{part} {home}/{part}" for part in parts if part.startswith(disk.name))]


def _network(machine: Machine) -> dict[str, str | None]:
    rows: list[dict[str, Any]] = [
        {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "link_type": "loopback", "addr_info": []}
    ]
    links, routes, session = ["/sys/class/net/lo ../../devices/virtual/net/lo"], [], ""
    for number, card in enumerate(machine.cards, 1):
        rows.append(_interface(card, number))
        home = (
            sysfs(machine, card.controller).removeprefix("../")
            if card.controller
            else "../../devices/virtual"
        )
        links.append(f"/sys/class/net/{card.name} {home}/net/{card.name}")
        links += [f"/sys/class/net/{card.name}/bridge "] if "bridge" in card.words else []
        routes += (
            [{"dst": "default", "gateway": "192.0.2.1", "dev": card.name}] if "default" in card.words else []
        )
        if "session" in card.words:
            session = f"192.0.2.50 50000 {card.address.partition('/')[0]} 22\n"
    return {
        "ip_addr_json": json.dumps(rows), "ip_route_json": json.dumps(routes), "session": session or None,
        "net_links": "\n".join(links) + "\n", **_keyboards(machine),
    }  # fmt: skip


def _interface(card: Any, number: int) -> dict[str, Any]:
    family = "inet6" if ":" in card.address else "inet"
    local, _, prefix = card.address.partition("/")
    more = {
        key: card.word(word) for key, word in (("master", "master"), ("link", "parent")) if card.word(word)
    }
    return {
        "ifname": card.name, "flags": ["UP", *(["MASTER"] if "bond" in card.words else [])] if "down" not in card.words else [],
        "link_type": "none" if "tunnel" in card.words else "ether", "address": f"02:00:00:00:00:{number:02x}",
        "addr_info": [{"family": family, "local": local, "prefixlen": int(prefix)}] if local else [], **more,
    }  # fmt: skip


def _keyboards(machine: Machine) -> dict[str, str]:
    usb, links = [], []
    for number, bdf in enumerate(machine.words("keyboards"), 1):
        port = f"{number}-1:1.0"
        usb += [f"{port}/bInterfaceClass:03", f"{port}/bInterfaceProtocol:01", f"{number}-1/product:Keyboard"]
        links.append(f"{port} {sysfs(machine, bdf)}/usb{number}/{number}-1/{port}")
    return {"usb": "\n".join(usb), "usb_links": "\n".join(links)}


def _board(machine: Machine) -> dict[str, str]:
    head = machine.head
    vendor, flags = _FLAGS[str(head["cpu"])]
    table = str(head.get("table") or "none")
    regions = [_scopes(line) for line in str(head.get("reserved") or "").splitlines() if line.strip()]
    tables = (
        dmar(*regions, flags=int(str(head.get("remapping") or "1"))) if table == "DMAR" else _TABLES[table]
    )
    if str(head.get("firmware") or "uefi") == "bios":
        tables = tables.replace("= efi\n", "", 1)
    maker, _, name = str(head["board"]).partition(" ")
    return {
        "cpuinfo": f"vendor_id\t: {vendor}\nmodel name\t: {vendor}\nflags\t\t: fpu lm nx {flags}\nthreads : {head.get('threads') or 4}\n",
        "cmdline": f"BOOT_IMAGE=/vmlinuz root=/dev/x ro {head.get('kernel') or 'quiet'}\n",
        "meminfo": f"MemTotal: {int(str(head.get('memory_gib') or 16)) << 20} kB\n",
        "displays": _displays(machine),
        "dmi": f"board_vendor:{maker}\nboard_name:{name}\n", "firmware_tables": tables,
    }  # fmt: skip


def _displays(machine: Machine) -> str:
    """Return the kind of enclosure, and the console on the card that the firmware starts with."""
    kind = next(number for word, number in _CHASSIS.items() if str(machine.head["kinds"]).startswith(word))
    screens = (d for d in machine.devices if d.is_boot_vga)
    links = [f"graphics/fb0 {sysfs(machine, d.bdf).removeprefix('../')}/graphics/fb0" for d in screens]
    return "\n".join([f"dmi/id/chassis_type:{kind}", *links]) + "\n"


def _scopes(line: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return the scopes of one reserved region from the addresses on a line: bus, slot and function of each."""
    found = []
    for word in line.split():
        bus, _, rest = word.rpartition(":")
        slot, function = rest.split(".")
        found.append((int(bus.rpartition(":")[2], 16), (int(slot, 16), int(function))))
    return tuple(found)
