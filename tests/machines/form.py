"""The minimal form of a machine: its file read, and its lines taken apart (README.md beside it)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from runbook.params import yaml12

HERE = Path(__file__).parent
_MARKS = {
    "r": "revision",
    "g": "group",
    "<": "above",
    ">": "bus",
    "=": "driver",
    "~": "resets",
    "v": "physical",
}


@dataclass(frozen=True)
class Pci:
    """One line of `devices`."""

    bdf: str
    code: str
    id: str
    revision: str = ""
    group: str = ""
    above: str = ""
    """The bridge directly above, or what makes its bus (VMD); '' in a root bus."""
    bus: str = ""
    driver: str = ""
    resets: str = ""
    physical: str = ""
    """For a virtual function its physical one."""
    is_express: bool = False
    is_boot_vga: bool = False

    @property
    def is_bridge(self) -> bool:
        return self.code.startswith("06")


@dataclass(frozen=True)
class Disk:
    """One line of `disks`: its controllers, its size, and what is on it."""

    name: str
    controllers: tuple[str, ...]
    gib: int
    places: tuple[str, ...]
    """Where its partitions are mounted, `swap` among them."""
    member: str
    """What holds it instead: `zfs:POOL`, `lvm:GROUP`, `md:NAME`, `fs:TYPE`, or ''."""


@dataclass(frozen=True)
class Card:
    """One line of `cards`: a network interface, its PCI device ('' for a virtual one), its address, and words."""

    name: str
    controller: str
    address: str
    words: tuple[str, ...]

    def word(self, key: str) -> str:
        return next((w.partition("=")[2] for w in self.words if w.startswith(f"{key}=")), "")


@dataclass(frozen=True)
class Right:
    """What an expert says of a machine."""

    stay: tuple[str, ...] = ()
    """What dom0 uses, or cannot be told from it: the verdict is `must stay`."""
    never: tuple[str, ...] = ()
    """What is not offered besides: parts of the platform, graphics of the processor, what nobody can tell."""
    offered: tuple[tuple[str, ...], ...] = ()
    """What a person would want to pass and can, in the units in which it goes to one guest."""
    reasons: tuple[tuple[str, str], ...] = ()
    """For an address the kind of a reason that must be among those given."""
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For a setting of the firmware the judgements that are right."""
    ports: tuple[str, ...] = ()
    """The port of the first bridge."""


@dataclass(frozen=True)
class Machine:
    """One file."""

    name: str
    head: dict[str, Any]
    devices: tuple[Pci, ...]
    disks: tuple[Disk, ...]
    cards: tuple[Card, ...]
    right: Right

    def device(self, bdf: str) -> Pci | None:
        return next((d for d in self.devices if d.bdf == bdf), None)

    def path(self, bdf: str) -> tuple[str, ...]:
        """Return the addresses from the root down to a device, itself last."""
        found: list[str] = []
        while bdf:
            found.insert(0, bdf)
            device = self.device(bdf)
            bdf = device.above if device else ""
        return tuple(found)

    @property
    def used(self) -> frozenset[str]:
        """All addresses on the paths of what dom0 uses: disks that hold something of its own, cards that carry something."""
        disks = (
            c
            for d in self.disks
            if d.places or d.member.startswith(("zfs:", "md:", "lvm:"))
            for c in d.controllers
        )
        cards = (
            c.controller
            for c in self.cards
            if c.controller and (c.address or c.word("master") or c.word("under"))
        )
        keys = self.words("keyboards")
        return frozenset(bdf for end in (*disks, *cards, *keys) for bdf in self.path(end))

    def words(self, key: str) -> tuple[str, ...]:
        """Return a text of addresses as addresses."""
        return tuple(map(full, str(self.head.get(key) or "").split()))


def full(bdf: str) -> str:
    """Return an address with its domain."""
    return bdf if bdf.count(":") == 2 else f"0000:{bdf}"


@cache
def machines() -> tuple[Machine, ...]:
    """Return every machine of the corpus, in the order of their names."""
    return tuple(read(path) for path in sorted(HERE.glob("*.yml")))


def read(path: Path) -> Machine:
    """Return the machine of a file. Raises `ParamsError` for one that is no YAML, `ValueError` for a line that says nothing."""
    head, _ = yaml12.parse(path.read_text(encoding="utf-8"), path)
    devices = tuple(_pci(line) for line in _lines(head, "devices"))
    disks = tuple(_disk(line) for line in _lines(head, "disks"))
    cards = tuple(_card(line) for line in _lines(head, "cards"))
    return Machine(path.stem, head, devices, disks, cards, _right(head.get("right") or {}))


def _lines(head: dict[str, Any], key: str) -> Iterator[str]:
    return (line for line in str(head.get(key) or "").splitlines() if line.strip())


def _pci(line: str) -> Pci:
    bdf, code, identity, *marks = line.split()
    found: dict[str, Any] = {"is_boot_vga": "*" in marks}
    for mark in marks:
        if mark[0] in _MARKS and len(mark) > 1:
            found[_MARKS[mark[0]]] = mark[1:]
        elif mark not in ("*", "pci", "pcie"):
            raise ValueError(f"{mark} says nothing about a device: {line}")
    for key in ("above", "physical"):
        found[key] = full(found[key]) if found.get(key) else ""
    is_express = "pci" not in marks and ("pcie" in marks or bool(found["above"]) or code.startswith("0604"))
    return Pci(full(bdf), code.ljust(6, "0"), identity, is_express=is_express, **found)


def _disk(line: str) -> Disk:
    name, controllers, gib, *words = line.split()
    places = tuple(w for w in words if w.startswith("/") or w == "swap")
    member = next((w for w in words if w not in places), "")
    if member and not re.match(r"(zfs|lvm|md|fs):\S", member):
        raise ValueError(f"{member} says nothing about a disk: {line}")
    return Disk(name, tuple(map(full, controllers.split(","))), int(gib), places, member)


def _card(line: str) -> Card:
    name, controller, *words = line.split()
    address = next((w for w in words if re.fullmatch(r"[0-9a-f.:]+/\d+", w)), "")
    return Card(
        name, "" if controller == "-" else full(controller), address, tuple(w for w in words if w != address)
    )


def _right(said: dict[str, Any]) -> Right:
    units = tuple(tuple(map(full, line.split())) for line in _lines(said, "offered"))
    reasons = tuple((full(bdf), kind) for bdf, kind in (line.split() for line in _lines(said, "reasons")))
    settings = {name: tuple(words.split(", ")) for name, words in (said.get("settings") or {}).items()}
    stay, never = (tuple(map(full, str(said.get(key) or "").split())) for key in ("stay", "never"))
    return Right(stay, never, units, reasons, settings, tuple(str(said.get("ports") or "").split()))
