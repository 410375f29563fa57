"""Every machine lived in otherwise: each of its controllers with `/` behind it, each of its network cards as the uplink."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from runbook import survey
from runbook.survey.groups import groups
from tests.machines import build
from tests.machines.form import Card, Disk, Machine, Pci, machines

LARGE = 100
"""Functions of a machine that is not lived in otherwise: its answers alone take as long as all of a small one."""
SMALL = tuple(m.name for m in machines() if len(m.devices) < LARGE)


def otherwise(machine: Machine) -> Iterator[tuple[Pci, Machine]]:
    """Yield each device that could be dom0's, with the machine where it alone is."""
    quiet = replace(
        machine, disks=(), cards=(), head={**machine.head, "keyboards": "", "datasets": "", "volumes": ""}
    )
    for device in machine.devices:
        if device.code.startswith(("0104", "0106", "0107", "0108")):
            name = "nvme0n1" if device.code.startswith("0108") else "sda"
            yield device, replace(quiet, disks=(Disk(name, (device.bdf,), 500, ("/",), ""),))
        elif device.code.startswith(("0200", "0280")) and not device.physical:
            card = Card("eth0", device.bdf, "192.0.2.10/24", ("session", "default"))
            yield device, replace(quiet, cards=(card,))
        elif device.code.startswith("0c0330"):
            yield device, replace(quiet, head={**quiet.head, "keyboards": device.bdf})


@pytest.mark.parametrize("name", SMALL)
def test_whatever_dom0_used_would_not_be_offered(name):
    """With `/`, the uplink or the keyboard on any device, neither it nor what shares its group nor what is above it is offered."""
    form = next(m for m in machines() if m.name == name)
    for device, lived_in in otherwise(form):
        read = survey.read(build.facts(lived_in))
        found = groups(read)
        mates = {d.bdf for d in form.devices if d.group and d.group == device.group}
        offered = {bdf for g in found if g.is_offered for bdf in g.bdfs}
        assert not ({*form.path(device.bdf)} | mates) & offered, device.bdf
        assert survey.verdict(survey.judge(read, read.device(device.bdf))) == survey.STAY, device.bdf
