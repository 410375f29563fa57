"""A machine of very many devices: what is asked about each of them is asked once."""

from __future__ import annotations

from importlib import import_module

from runbook import survey
from runbook.survey.groups import groups
from tests.survey.machines import Pci, devices


def test_each_device_is_judged_once_however_many_share_its_group(monkeypatch):
    """In a group of 64 each member asks about the 63 others; the rules are gone through once a device."""
    verdict = import_module("runbook.survey.verdict")
    asked = []
    alone = verdict._alone
    monkeypatch.setattr(verdict, "_alone", lambda m, d, g, k: asked.append(d.bdf) or alone(m, d, g, k))
    machine = survey.read(devices(*(Pci(f"0000:01:{n // 8:02x}.{n % 8}", group=1) for n in range(64))))
    assert len(groups(machine)) == 1
    assert sorted(asked) == sorted(d.bdf for d in machine.devices)
