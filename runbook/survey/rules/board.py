"""Parts of the board itself, of little use to a guest."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def board(_: Machine, device: Device) -> Iterator[Reason]:
    code = device.class_code
    if code.startswith("0806"):
        yield Reason("iommu", "it is the IOMMU itself")
    elif code.startswith("0c05") or (not device.path and code[:2] in ("05", "08", "0b", "11")):
        yield Reason("board", "it is a part of the board, of little use to a guest")
