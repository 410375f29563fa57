"""The guests as Xen sees them: what runs, with which devices, disks and bridges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook.ask import Ask, Facts

_LIST = Ask.run("xl", "list")
_LONG = Ask.run("xl", "list", "-l")
_INFO = Ask.run("xl", "info")
_MASTERS = Ask.shell(r"find /sys/class/net/vif*/master -maxdepth 0 -printf '%h %l\n' 2>/dev/null; true")

RUNNING = (_LIST, _LONG, _INFO, _MASTERS)
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

    def holder_of(self, bdf: str) -> Domain | None:
        """Return the running domain that has a device, None when none has."""
        return next((d for d in self.domains if bdf in d.pci), None)


def parse(facts: Facts) -> Domains:
    """Return the running domains of the facts."""
    answer = facts[_LIST]
    if not answer.ok:
        said = (answer.err or answer.out).strip().splitlines()
        return Domains(False, said[-1] if said else f"`xl list` ended with status {answer.status}")
    long = {entry.get("domid"): entry.get("config", {}) for entry in _json_list(facts[_LONG].out)}
    masters = _masters(facts[_MASTERS].out)
    domains = tuple(
        Domain(
            name,
            domid,
            state,
            memory,
            tuple(bdf_of(device) for device in long.get(domid, {}).get("pcidevs", [])),
            tuple(disk.get("pdev_path", "") for disk in long.get(domid, {}).get("disks", [])),
            masters.get(domid, ()),
        )
        for name, domid, memory, state in map(_row, answer.out.splitlines()[1:])
    )
    return Domains(True, "", domains, _free_mib(facts[_INFO].out))


def _row(line: str) -> tuple[str, int, int, str]:
    """Return name, id, memory and state of a line of `xl list`.

    >>> _row("Domain-0                                     0  2048     2     r-----      64.6")
    ('Domain-0', 0, 2048, 'r-----')
    """
    name, domid, memory, _, state, _ = line.rsplit(maxsplit=5)
    return name.strip(), int(domid), int(memory), state


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


def _free_mib(info: str) -> int | None:
    """Return the memory that no domain has, from `xl info`.

    >>> _free_mib("total_memory           : 6143\\nfree_memory            : 3902\\n")
    3902
    """
    rows = (line.partition(":") for line in info.splitlines())
    return next((int(value) for key, _, value in rows if key.strip() == "free_memory"), None)


def _json_list(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return []
    return value if isinstance(value, list) else []
