"""Machines made by chance, with an oracle: what dom0 rests on is known, because it was built so.

A `Box` is filled part by part: slots (root ports, switches, VMD, Thunderbolt docks), disks in one of
the layouts that hosts have, cards in one of the wirings, keyboards. Whoever uses a device writes down what that needs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from runbook.facts import pci
from runbook.model.ask import Answer, Ask, Facts
from tests.storage_answers import Node, findmnt, lsblk, lvm
from tests.survey.machines import Pci, devices

NVME, SATA, XHCI, NIC, NHI = "010802", "010601", "0c0330", "020000", "0c0340"
VMD = "0000:00:0e.0"
_IDS = {
    NVME: "144d:a80a",
    SATA: "8086:a352",
    XHCI: "1b21:2142",
    NIC: "8086:1533",
    NHI: "8086:9a1b",
    "088000": "8086:15eb",
}
_AS_ROOT = {Ask.run("id", "-u"): Answer(0, "0\n"), Ask.run("uname", "-n"): Answer(0, "box\n")}


@dataclass
class Disk:
    """One disk: its kernel's name and the controllers that it hangs on."""

    name: str
    controllers: tuple[str, ...]


@dataclass
class Box:
    """A machine in the making."""

    chance: random.Random
    built: list[Pci] = field(default_factory=list)
    needs: dict[str, set[str]] = field(default_factory=dict)
    """For each device all that it cannot be without, bridges left out: itself, VMD, a Thunderbolt host interface."""
    used: dict[str, str] = field(default_factory=dict)
    """What dom0 is known to rest on, each with the use."""
    doubted: dict[str, str] = field(default_factory=dict)
    """What dom0 may rest on."""
    answers: dict[str, list[str]] = field(default_factory=dict)
    """Lines of answers, by the name of the answer."""
    nodes: list[Node] = field(default_factory=list)
    mounts: list[tuple[str, str, str, str]] = field(default_factory=list)
    interfaces: list[dict[str, Any]] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    routes6: list[dict[str, Any]] = field(default_factory=list)
    session: str = ""
    groups: dict[str, tuple[int, int]] = field(default_factory=dict)
    parts: list[tuple[str, str, int]] = field(default_factory=list)
    volumes: list[dict[str, str]] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    dock: tuple[tuple[str, ...], set[str]] | None = None
    """The bridges down to the ports of a dock, and what its tunnel needs."""
    switch: tuple[str, ...] = ()
    last: list[Callable[[], None]] = field(default_factory=list)
    """What can be said only of the whole machine."""
    has_nameless_member: bool = False
    is_apart: bool = False
    """True when each device has an IOMMU group of its own."""
    bus: int = 0
    drives: int = 0

    def line(self, answer: str, text: str) -> None:
        self.answers.setdefault(answer, []).append(text)

    # Slots

    def bridge(self, above: tuple[str, ...], *, express: bool = True) -> tuple[str, ...]:
        """Add a bridge with a bus of its own; return the way down to that bus."""
        bdf = self.address(above)
        self.bus += 1
        self.built.append(Pci(bdf, "8086:1901", "060400", above, bus=self.bus, express=express))
        return (*above, bdf)

    def address(self, above: tuple[str, ...]) -> str:
        """Return the next free address on the bus at the end of a way; VMD has one of its own in the root bus."""
        last = next((d for d in self.built if above and d.bdf == above[-1]), None)
        domain = "10000" if above and above[0] == VMD else "0000"
        bus = (last.bus or 0) if last else (0xE0 if above else 0)
        slots = (f"{domain}:{bus:02x}:{slot:02x}.0" for slot in range(0 if last else 1, 0x20))
        return next(bdf for bdf in slots if bdf != VMD and bdf not in {d.bdf for d in self.built})

    def endpoint(self, code: str, above: tuple[str, ...], needs: Iterable[str] = (), **more: Any) -> str:
        bdf = self.address(above)
        self.built.append(Pci(bdf, _IDS[code], code, above, **more))
        self.needs[bdf] = {bdf, *needs}
        return bdf

    def plug(self, code: str) -> str:
        """Put a device into some slot; return its address."""
        places: list[Callable[[], str]] = [
            lambda: self.endpoint(code, ()),
            lambda: self.endpoint(code, self.bridge(())),
            lambda: self.endpoint(code, self.bridge(self._switch())),
        ]
        if self.dock:
            above, tunnel = self.dock
            places += [lambda: self.endpoint(code, self.bridge(above), tunnel)] * 2
        if code == NVME and any(d.bdf == VMD for d in self.built):
            places += [lambda: self.endpoint(code, self.bridge((VMD, "pci10000:e0")), {VMD})] * 3
        return self.chance.choice(places)()

    def _switch(self) -> tuple[str, ...]:
        self.switch = self.switch or self.bridge(self.bridge(()))
        return self.switch

    def add_vmd(self) -> None:
        self.built.append(
            Pci(VMD, self.chance.choice(["8086:9a0b", "8086:a77f", "8086:201d"]), "010400", express=False)
        )
        self.needs[VMD] = {VMD}

    def add_thunderbolt(self) -> None:
        """Add a controller with a dock: built into the processor, with links that say which ports are its own or without, or a switch."""
        kind = self.chance.choice(["linked", "silent", "switch"])
        if kind == "switch":
            top = self.bridge(self.bridge(()))
            inner = self.bridge(top)
            interface = self.endpoint("088000", inner)
            dock = self.bridge(self.bridge(top))
        else:
            interface = self.endpoint(NHI, ())
            port = self.bridge(())
            if kind == "linked":
                self.line(
                    "pci_beyond",
                    f"/sys/bus/pci/devices/{port[0]}/supplier:pci:{interface} ../../virtual/devlink/x",
                )
            dock = self.bridge(port)
        self.dock = dock, {interface}

    def path(self, bdf: str) -> str:
        device = next(d for d in self.built if d.bdf == bdf)
        return "/".join(("devices/pci0000:00", *device.above, bdf))

    # What is used

    def use(self, bdfs: Iterable[str], why: str) -> None:
        for bdf in bdfs:
            self.used |= dict.fromkeys(self.needs[bdf], why)

    def doubt_disks(self, why: str) -> None:
        on_disks = (bdf for disk in self.disks for bdf in disk.controllers)
        self._doubt([*on_disks, *(d.bdf for d in self.built if d.code.startswith("01"))], why)

    def doubt_cards(self, why: str) -> None:
        cards = (str(i["card"]) for i in self.interfaces if "card" in i)
        self._doubt([*cards, *(d.bdf for d in self.built if d.code.startswith("02"))], why)

    def _doubt(self, bdfs: Iterable[str], why: str) -> None:
        for bdf in bdfs:
            self.doubted |= dict.fromkeys(self.needs[bdf], why)

    # Disks

    def add_disk(self) -> Disk:
        """Add a disk: SATA, NVMe, NVMe with several paths, or on USB; a controller may have several."""
        kind = self.chance.choice(["sata", "nvme", "nvme", "paths", "usb"])
        number = len(self.disks)
        there = [d for d in self.built if d.code == SATA]
        if kind in ("nvme", "paths"):
            disk = self._nvme(number, self.chance.choice([1, 2]) if kind == "paths" else 0)
        elif kind == "usb":
            bdf = self.plug(XHCI)
            disk = Disk(f"sd{chr(97 + number)}", (bdf,))
            self.line(
                "block_links",
                f"{disk.name} ../../{self.path(bdf)}/usb2/2-1/2-1:1.0/host9/target9:0:0/9:0:0:0/block/{disk.name}",
            )
        else:
            bdf = self.chance.choice(there).bdf if there and self.chance.random() < 0.6 else self.plug(SATA)
            disk = Disk(f"sd{chr(97 + number)}", (bdf,))
            self.line(
                "block_links",
                f"{disk.name} ../../{self.path(bdf)}/ata1/host1/target1:0:0/1:0:0:0/block/{disk.name}",
            )
        self.disks.append(disk)
        return disk

    def _nvme(self, number: int, paths: int) -> Disk:
        """Add an NVMe disk; subsystems and controllers are counted apart, as the kernel does (drivers/nvme/host/multipath.c)."""
        name = f"nvme{40 - number}n1"
        controllers = tuple(self.plug(NVME) for _ in range(paths or 1))
        for bdf in controllers:
            drive, self.drives = self.drives, self.drives + 1
            below = f"{self.path(bdf)}/nvme/nvme{drive}"
            self.line("block_links", f"nvme{drive} ../../../{below.removeprefix('devices/')}")
            one = name.replace("n1", f"c{drive}n1") if paths else name
            self.line("block_links", f"{one} ../../{below}/{one}")
        if paths:
            self.line(
                "block_links", f"{name} ../../devices/virtual/nvme-subsystem/nvme-subsys{40 - number}/{name}"
            )
        return Disk(name, controllers)

    def virtual(self, name: str) -> None:
        self.line("block_links", f"{name} ../../devices/virtual/block/{name}")

    # Cards

    def add_card(self, **columns: Any) -> str:
        """Add a network card, in a slot or on USB; return the name of its interface."""
        name = f"eth{sum('card' in i for i in self.interfaces)}"
        on_usb = self.chance.random() < 0.15
        bdf = self.plug(XHCI if on_usb else NIC)
        self.line(
            "net_links",
            f"/sys/class/net/{name} ../../{self.path(bdf)}/{'usb1/1-2/1-2:1.0/' if on_usb else ''}net/{name}",
        )
        self.interfaces.append({"ifname": name, "flags": ["UP"], "addr_info": [], "card": bdf, **columns})
        return name

    def add_virtual(self, name: str, **columns: Any) -> str:
        self.line("net_links", f"/sys/class/net/{name} ../../devices/virtual/net/{name}")
        self.interfaces.append({"ifname": name, "flags": ["UP"], "addr_info": [], **columns})
        return name

    def change(self, name: str, **columns: Any) -> None:
        next(i for i in self.interfaces if i["ifname"] == name).update(columns)

    def card(self, name: str) -> str:
        return str(next(i["card"] for i in self.interfaces if i["ifname"] == name))

    # The whole

    def facts(self) -> Facts:
        self._number_groups()
        old_form = self.chance.random() < 0.3
        lines = {name: "".join(f"{line}\n" for line in found) for name, found in self.answers.items()}
        rows = [{key: value for key, value in i.items() if key != "card"} for i in self.interfaces]
        capable = {} if self.chance.random() < 0.7 else {"pci_capabilities": None}
        facts = devices(*self.built, **{
            **lines, **capable,
            "lsblk_json": lsblk(*self.nodes),
            "findmnt_json": findmnt(*self.mounts),
            "lvm_json": lvm(self.groups, self.parts, self.volumes),
            "ip_addr_json": json.dumps(rows), "ip_route_json": json.dumps(self.routes),
            "ip_route6_json": json.dumps(self.routes6), "session": self.session,
        })  # fmt: skip
        if old_form:  # the question's pattern had four digits once
            facts = _without_long_links(facts)
        return Facts({**facts, **_AS_ROOT})

    def _number_groups(self) -> None:
        """Give each device a group of its own, all below a switch one, or nobody any."""
        how = self.chance.choice(["own", "shared", "none"])
        self.is_apart = how == "own"
        if how == "none":
            return
        numbers: dict[str, int] = {}
        for index, device in enumerate(self.built):
            key = device.bdf if how == "own" or len(device.above) < 2 else device.above[1]
            key = VMD if device.above[:1] == (VMD,) else key
            self.built[index] = Pci(**{**vars(device), "group": numbers.setdefault(key, len(numbers))})

    def free(self) -> set[str]:
        """Return the controllers and cards of which it is certain that nothing uses them, and that they are apart."""
        if self.doubted or not self.is_apart:
            return set()
        there = {bdf for disk in self.disks for bdf in disk.controllers} | {
            d.bdf for d in self.built if d.code == NIC
        }
        return {bdf for bdf in there if not self.needs[bdf] & {*self.used} and not bdf.startswith("10000:")}

    def mates(self) -> dict[str, str]:
        """Return what shares an IOMMU group with what dom0 rests on."""
        held = {
            d.group: d.bdf
            for d in self.built
            if d.group is not None and d.bdf in {**self.used, **self.doubted}
        }
        return {
            d.bdf: f"in one group with {held[d.group]}"
            for d in self.built
            if d.group in held and not d.code.startswith("06")
        }


def _without_long_links(facts: Facts) -> Facts:
    lines = [
        line for line in facts[pci._LINKS].out.splitlines() if "/devices/10000:" not in line.split(" ")[0]
    ]
    return Facts({**facts, pci._LINKS: Answer(0, "".join(f"{line}\n" for line in lines))})
