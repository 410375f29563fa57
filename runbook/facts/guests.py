"""The guests as Xen sees them: what runs, with which devices, disks and bridges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.facts import xl
from runbook.model.ask import Ask, Facts

_LONG = Ask.run("xl", "list", "-l")
_MASTERS = Ask.shell(r"find /sys/class/net/vif*/master -maxdepth 0 -printf '%h %l\n' 2>/dev/null; true")

RUNNING = (xl.LIST, _LONG, xl.INFO, _MASTERS)
"""What is running, and what of the machine is left for more."""


@dataclass(frozen=True)
class Domain:
    """One running domain. `state` is as in xl(1): r running, b blocked (idle), p paused, c crashed …"""

    name: str
    domid: int
    state: str
    memory_mib: int
    pci: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    screens: tuple[tuple[str, str], ...] = ()
    """Address and number of each VNC display that it insists on."""

    @property
    def is_alive(self) -> bool:
        """True unless it crashed, is shutting down or dying."""
        return not set(self.state) & set("scd")


@dataclass(frozen=True)
class Domains:
    """Every domain of the host, dom0 among them."""

    answered: bool
    """False when `xl` did not answer: Xen is not installed, or not what this machine started with."""
    why: str = ""
    """What `xl` said instead of answering."""
    domains: tuple[Domain, ...] = ()
    free_mib: int | None = None

    def named(self, name: str) -> Domain | None:
        """Return the running domain of that name, None when there is none."""
        return next((d for d in self.domains if d.name == name), None)

    def require(self, name: str) -> Domain:
        """Return the running domain of that name. Raises `LookupError` when there is none."""
        return next(d for d in self.domains if d.name == name)

    def holder_of(self, bdf: str) -> Domain | None:
        """Return the running domain that has a device, None when none has."""
        return next((d for d in self.domains if bdf in d.pci), None)


def parse(facts: Facts) -> Domains:
    """Return the running domains of the facts."""
    answer = facts[xl.LIST]
    if not answer.ok:
        said = (answer.err or answer.out).strip().splitlines()
        return Domains(False, said[-1] if said else f"`xl list` ended with status {answer.status}")
    long = {entry.get("domid"): entry.get("config", {}) for entry in _json_list(facts[_LONG].out)}
    masters = _masters(facts[_MASTERS].out)
    domains = tuple(
        Domain(
            _name(long.get(row.id, {})) or row.name,
            row.id,
            row.state,
            row.memory_mib,
            tuple(bdf_of(device) for device in long.get(row.id, {}).get("pcidevs", [])),
            tuple(disk.get("pdev_path", "") for disk in long.get(row.id, {}).get("disks", [])),
            masters.get(row.id, ()),
            tuple(_screens(long.get(row.id, {}))),
        )
        for row in xl.rows(answer.out)
    )
    free = xl.info(facts).get("free_memory")
    return Domains(True, "", domains, int(free) if free else None)


def _name(config: Mapping[str, Any]) -> str:
    """Return a guest's name from libxl's JSON, which has the blanks at its end, too."""
    return str(config.get("c_info", {}).get("name", ""))


def _screens(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the VNC displays of libxl's JSON that are no other than those asked for.

    >>> list(_screens({"b_info": {"type.hvm": {"vnc": {"enable": "True", "display": 2, "findunused": "False"}}}}))
    [('127.0.0.1', '2')]
    """
    kinds = (part for key, part in config.get("b_info", {}).items() if key.startswith("type."))
    for holder in (*kinds, *config.get("vfbs", [])):
        vnc = holder.get("vnc", {}) if isinstance(holder, dict) else {}
        if vnc.get("enable") == "True" and vnc.get("findunused") == "False":
            yield vnc.get("listen", "127.0.0.1"), str(vnc.get("display", 0))


def bdf_of(device: Mapping[str, Any]) -> str:
    """Return the address of a device in libxl's JSON, which leaves out what is zero.

    >>> bdf_of({"func": 1, "bus": 3, "permissive": True})
    '0000:03:00.1'
    """
    part = {key: int(device.get(key, 0)) for key in ("domain", "bus", "dev", "func")}
    return f"{part['domain']:04x}:{part['bus']:02x}:{part['dev']:02x}.{part['func']:x}"


def _masters(text: str) -> dict[int, tuple[str, ...]]:
    """Return the bridges of each domain's network cards, by domain id.

    >>> _masters("/sys/class/net/vif3.0 ../xenbr0\\n/sys/class/net/vif3.0-emu ../xenbr0\\n")
    {3: ('xenbr0',)}
    """
    found: dict[int, list[str]] = {}
    for line in sorted(text.splitlines()):
        path, _, target = line.partition(" ")
        card, is_tap = path.rpartition("/")[2], path.endswith("-emu")
        if not is_tap:
            found.setdefault(int(card[3:].split(".")[0]), []).append(target.rpartition("/")[2])
    return {domid: tuple(bridges) for domid, bridges in found.items()}


def _json_list(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return []
    return value if isinstance(value, list) else []
