"""PCI domains that Xen does not know, and Intel's VMD, which makes them."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def domains(machine: Machine, device: Device) -> Iterator[Reason]:
    """A PCI segment is 16 bits wide in all that Xen takes (public/physdev.h); Linux counts VMD's domains from 10000 on."""
    domain = device.bdf.partition(":")[0]
    if len(domain) > 4:
        above = next((d for bdf in device.path if (d := machine.device(bdf)) and d.is_vmd), None)
        maker = f", which Intel VMD ({above.bdf}) makes" if above else ""
        yield Reason("domain", f"it is in the PCI domain {domain}{maker}, and Xen knows none beyond ffff")
    elif device.is_vmd:
        yield Reason(
            "vmd", "it is Intel VMD: the drives behind it are in a PCI domain that Xen does not know"
        )
