"""QEMU itself, stopped before its first instruction, takes what is placed where, and its stand-ins are what the table says."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.rehearsal import building
from runbook.rehearsal.cards import STAND_INS, stand_in
from runbook.testbed import leases, qemu
from runbook.testbed.machines.model import Card, Description, Drive, Pc, Way

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-x86_64") and Path(qemu.OVMF_VARS).exists()),
    reason="QEMU is not installed here",
)


def every_kind() -> Description:
    """Return a PC with an uplink on bus 3, a fixed address, each kind of disk, and each stand-in on a bus of its own."""
    uplink = Card(address="0000:03:00.0", device="virtio-net-pci", mac="52:54:00:00:00:01", net="192.168.1.0/24",
                  router="192.168.1.1", names="192.168.1.3", lease="192.168.1.20", door="192.168.1.254", leads_to=("deb.example:80",))  # fmt: skip
    passed = [
        Card(address=f"0000:{number:02x}:00.0", device=model, id=own,
             mac="52:54:00:00:00:09" if model == "e1000e" else "", net="10.0.77.0/24" if model == "e1000e" else "")
        for number, (_, model, own) in enumerate(STAND_INS, 4)
    ]  # fmt: skip
    model, own = stand_in("118000")
    last = Card(address="0000:00:14.0", device=model, id=own)
    graphics = [
        Card(address="0000:0c:00.0", device="bochs-display"),
        Card(address="0000:0c:00.1", device="ich9-intel-hda"),
    ]
    sound = Card(address="0000:0d:00.1", device="ich9-intel-hda")
    drives = (
        Drive(device="ide-hd"),
        Drive(device="nvme", address="0000:01:00.0"),
        Drive(address="0000:00:08.0"),
    )
    pc = Pc(memory_mib=64, drives=drives, cards=(uplink, *passed, last, *graphics, sound))
    return Description(name="toy", summary="every kind", way=Way(at="192.168.1.20", port=2222), pc=pc)


def test_a_card_of_several_functions_is_one_card() -> None:
    """QEMU is told at the first function that there are more; where that is not passed, a test device is in its place."""
    words = qemu.command(building.spec_of(every_kind()))
    at_12, at_13 = ([word for word in words if f"bus=port{bus}," in word] for bus in (12, 13))
    assert at_12 == [
        "bochs-display,multifunction=on,bus=port12,addr=0x0",
        "ich9-intel-hda,bus=port12,addr=0x0.1",
    ]
    assert sorted(at_13) == [
        "ich9-intel-hda,bus=port13,addr=0x0.1",
        "pci-testdev,multifunction=on,bus=port13,addr=0x0",
    ]
    alone = [word for word in words if "bus=port4," in word or "bus=port3," in word]
    assert not [word for word in alone if "multifunction" in word]


@needs_qemu
def test_qemu_takes_it_and_each_stand_in_has_its_identity(tmp_path: Path) -> None:
    """Nothing is refused, every device has the address that was asked for, and the IOMMU sits where nothing is placed."""
    said = every_kind()
    spec = replace(building.spec_of(said), ssh_port=42222)
    argv = qemu.command(spec)
    for word in ("-daemonize",):
        argv.remove(word)
    for option in ("-pidfile", "-qmp", "-chardev", "-serial"):
        at = argv.index(option)
        del argv[at : at + 2]
    # No port of this machine is taken for a moment's look.
    argv = [re.sub(r",hostfwd=\S*", "", word) for word in argv]
    for file, *_ in spec.disks:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / file), "1G"], check=True)
    shutil.copy(qemu.OVMF_VARS, tmp_path / spec.efi_variables)
    leases.begin(tmp_path, spec.leads)
    done = subprocess.run(
        [*argv, "-S", "-monitor", "stdio"], input="info qtree\nquit\n", cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    devices = dict(
        re.findall(r'dev: ([\w-]+), id "[^"]*"(?:(?!dev: ).)*?pci id (\w{4}:\w{4})', done.stdout, re.S)
    )
    assert said.pc
    wanted = {card.device: card.id for card in said.pc.cards if card.id}
    assert {model: devices.get(model) for model in wanted} == wanted
    assert re.search(
        r"dev: AMDVI-PCI.*?addr = 01\.0|dev: AMDVI-PCI(?:(?!dev: ).)*?addr 00:01\.0", done.stdout, re.S
    )
