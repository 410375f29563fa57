"""Virtual functions (SR-IOV), and the physical functions whose drivers make them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runbook.survey.machine import Machine

_NAMED = re.compile(r"\bvirtual function\b|\bVF\b", re.IGNORECASE)


def physical(machine: Machine) -> dict[str, tuple[str, ...]]:
    """Return for each virtual function its physical function.

    Where Linux' link is not known a device that is called a virtual function is one, of any physical function of
    its maker behind the same bridge: these are several for a card with several ports.
    """
    found: dict[str, tuple[str, ...]] = {
        vf: (pf,) for vf, pf in machine.isolation.physical.items() if machine.device(vf)
    }
    named = [d for d in machine.devices if d.bdf not in found and _NAMED.search(d.name)]
    for device in named:
        found[device.bdf] = tuple(
            d.bdf
            for d in machine.devices
            if d not in named
            and d.bdf not in found
            and (d.path, d.id[:4], d.class_code[:2]) == (device.path, device.id[:4], device.class_code[:2])
        )
    return found


def virtual(parents: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return for each physical function the virtual ones that are made from it.

    >>> virtual({"0000:18:10.0": ("0000:18:00.0",), "0000:18:10.2": ("0000:18:00.0",)})
    {'0000:18:00.0': ('0000:18:10.0', '0000:18:10.2')}
    """
    found: dict[str, list[str]] = defaultdict(list)
    for vf, pfs in parents.items():
        for pf in pfs:
            found[pf].append(vf)
    return {pf: tuple(vfs) for pf, vfs in found.items()}
