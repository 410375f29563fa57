"""The proof of the live way: its machine, and the consent that it gives."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook import params as parameters
from runbook.steps.debian_installation import partition_disk
from runbook.testbed import live, qemu
from runbook.testbed.machine import Machine as VirtualPc
from tests.steps.disk_machine import Machine


def test_machine_starts_the_new_disk_first() -> None:
    """The empty disk is the first that the firmware tries, so that the machine leaves the live system by itself."""
    words = " ".join(qemu.command(live.SPEC))
    assert words.index("file=new.qcow2") < words.index("file=live.qcow2")
    assert "drive=disk0,bus=pcie.0,addr=0x8,serial=testbed-disk0,bootindex=0" in words
    assert "-m 2048" in words
    assert "hostfwd=tcp:127.0.0.1:" in words


def test_consent_is_for_the_plan_of_this_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof agrees to the digest that the machine's own disk gives, and to nothing else that is destructive."""
    machine = Machine()
    host = SimpleNamespace(gather=machine.facts, close=lambda: None)
    monkeypatch.setattr(live.hosts, "connect", lambda *_: host)
    agreed = parameters.load(live._consent(VirtualPc(tmp_path)))
    facts = machine.facts(partition_disk.asks(agreed))
    digest = partition_disk.plan(agreed, facts).digest()
    assert agreed.consent == (f"partition_disk:{digest}", "install_boot_loader", "boot_installed_system")
