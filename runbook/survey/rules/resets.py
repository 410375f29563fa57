"""Whether a device can be made new for its next guest."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason


def resets(_: Machine, device: Device) -> Iterator[Reason]:
    if not device.reset_methods:
        yield Reason("reset", "Linux knows no way to reset it")
