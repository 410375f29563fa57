"""The virtual PC of the installer's proof: an empty disk at SATA or NVMe, and the image as a USB stick."""

from __future__ import annotations

import shutil
import subprocess

from runbook.controller import process
from runbook.installation.layout import layout
from runbook.params import HostParams
from runbook.testbed import qemu
from runbook.testbed.errors import TestbedError
from runbook.testbed.hardware import ALIAS
from runbook.testbed.machine import Machine

MEMORY_MIB = 2048
SPARE_MIB = 12 * 1024
"""What the disk has beyond the smallest that the layout fits on."""


def assemble(machine: Machine, params: HostParams) -> None:
    """A machine with an empty disk and untouched EFI variables, in place of the last one."""
    machine.kill_power()
    shutil.rmtree(machine.folder, ignore_errors=True)
    machine.folder.mkdir(parents=True)
    size = layout(params).least_disk_mib + SPARE_MIB
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", str(machine.folder / "system.qcow2"), f"{size}M"],
        check=True,
    )
    shutil.copyfile(qemu.OVMF_VARS, machine.folder / "efivars.fd")
    (machine.state / "known_hosts").unlink(missing_ok=True)


def start(machine: Machine, params: HostParams, *, stick: bool) -> None:
    """Switch it on, with or without the stick, and write how ssh reaches it."""
    port = process.free_port()
    running = process.start(command(params.installation.disk, port, stick=stick), machine.folder, port)
    if running is None:
        log = machine.folder / "qemu.log"
        raise TestbedError(
            "the virtual PC did not start",
            where=str(log),
            why=log.read_text()[-2000:],
            next_move="install the testbed's packages with `make testbed-deps`",
        )
    running.save(machine.folder / "qemu.json")
    machine.ssh_config.write_text(
        f"Host {ALIAS}\n  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        f'  IdentityFile "{machine.state / "id_ed25519"}"\n  IdentitiesOnly yes\n  IdentityAgent none\n'
        f'  HostKeyAlias {ALIAS}\n  UserKnownHostsFile "{machine.state / "known_hosts"}"\n'
        "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking accept-new\n  BatchMode yes\n"
        "  ConnectTimeout 30\n  ServerAliveInterval 15\n  ServerAliveCountMax 20\n"
    )


def command(disk: str, port: int, *, stick: bool) -> list[str]:
    """Return QEMU's argv: an empty disk at SATA or NVMe, as its name says, and the image as a USB stick.

    A restart ends QEMU: it is the machine's own, and where it is not wanted it is a failure.
    """
    # No IOMMU: nothing is passed on, and a busy controller made the kernel miss its timer behind one.
    spec = qemu.Spec(port, MEMORY_MIB, cpus=1, iommu=False, nics=(qemu.UPLINK,), spares=(), disks=())
    drive = "if=none,id=system,file=system.qcow2,format=qcow2,cache=unsafe,discard=unmap"
    model = "nvme,bus=pcie.0,addr=0x8" if "nvme" in disk else "ide-hd,bus=ide.0"
    words = ["-drive", drive, "-device", f"{model},drive=system,serial=testbed-system,bootindex=1"]
    if stick:
        words += ["-drive", "if=none,id=stick,file=../installer.img,format=raw,cache=unsafe"]
        words += ["-device", "qemu-xhci,id=usb,bus=pcie.0,addr=0x6"]
        words += ["-device", "usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0"]
    return [*qemu.command(spec), *words, "-no-reboot"]
