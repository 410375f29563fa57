"""Which running guests have which block devices, from xl(1) and xenstore."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from runbook.facts import xl
from runbook.facts.storage.asks import BACKENDS, GUESTS, IS_DOM0, LONG
from runbook.model.ask import Facts


@dataclass(frozen=True)
class Guests:
    """The running guests and their disks."""

    names: dict[int, str]
    """By number."""
    disks: tuple[tuple[int, str, str], ...]
    """Number of the guest, number (`major:minor`) and path of each disk that a guest has."""
    is_silent: bool
    """True when this is dom0 under Xen and `xl` does not say which guests run."""
    read_only: frozenset[tuple[int, str]] = frozenset()
    """Number of the guest and path of each disk that a guest only reads."""

    def with_device(self, number: str, paths: frozenset[str]) -> tuple[str, ...]:
        """Return the names of the guests that have a device, by its path in `xl list -l` or its number in xenstore."""
        ids = {domid for domid, at, path in self.disks if (at and at == number) or path in paths}
        return tuple(sorted(self.names.get(domid, f"number {domid}") for domid in ids))


def parse(facts: Facts) -> Guests:
    """Return the guests of the facts; none where nobody asked for them."""
    if any(ask not in facts for ask in GUESTS):
        return Guests({}, (), is_silent=False)
    listed, long = facts[xl.LIST], facts[LONG]
    configured = [
        (entry.get("domid", 0), disk.get("pdev_path", ""), bool(disk.get("readwrite")))
        for entry in (json.loads(long.out) if long.ok and long.out.strip() else [])
        for disk in entry.get("config", {}).get("disks", [])
    ]
    return Guests(
        {row.id: row.name for row in xl.rows(listed.out)} if listed.ok else {},
        (*((domid, "", path) for domid, path, _ in configured), *backends(facts[BACKENDS].out)),
        is_silent="control_d" in (facts.text(IS_DOM0.argv[0]) or "") and not listed.ok,
        read_only=frozenset((domid, path) for domid, path, writes in configured if not writes),
    )


def backends(text: str) -> tuple[tuple[int, str, str], ...]:
    """Return domain, device number (`major:minor`, '' when it is not a block device) and path of guests' disks.

    >>> backends('''/local/domain/0/backend/vbd/3/768/params = "/dev/guests/comm"
    ... /local/domain/0/backend/vbd/3/768/physical-device = "fe:1"''')
    ((3, '254:1', '/dev/guests/comm'),)
    """
    line = re.compile(r'(?m)^/local/domain/0/backend/\w+/(\d+)/(\d+)/(params|physical-device) = "(.*)"$')
    disks: dict[tuple[int, int], dict[str, str]] = {}
    for domid, device, key, value in line.findall(text):
        disks.setdefault((int(domid), int(device)), {})[key] = value
    return tuple(
        (domid, number(said.get("physical-device", "")), re.sub(r"^[a-z]+:", "", said.get("params", "")))
        for (domid, _), said in disks.items()
    )


def number(hexadecimal: str) -> str:
    """Return a device number in decimal, '' for what is none: xenstore has it in hexadecimal."""
    match = re.fullmatch(r"([0-9a-f]+):([0-9a-f]+)", hexadecimal)
    return f"{int(match[1], 16)}:{int(match[2], 16)}" if match else ""
