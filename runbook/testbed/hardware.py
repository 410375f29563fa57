"""Puts the virtual PC together in its folder, switches it on, and says how to reach it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from runbook.controller import process
from runbook.controller.process import Running
from runbook.testbed import leases, qemu
from runbook.testbed.errors import TestbedError
from runbook.testbed.image import DISKS, Image
from runbook.testbed.wire import Wire, socket_of

ALIAS = "runbook-testbed"
DATA_DISK_GIB = 8


def is_assembled(folder: Path) -> bool:
    """Whether the machine's disks are there, whole: the note of the base disk is written last."""
    return (folder / "base").exists()


def assemble(folder: Path, image: Image) -> None:
    """Make the machine's own disks on top of the base disk, in place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if image.disks:
        for name in image.disks:
            overlay(folder / name, image.folder / name)
        shutil.copyfile(image.folder / DISKS, folder / DISKS)
    else:
        _plain_disks(folder, image)
    shutil.copyfile(qemu.OVMF_VARS, folder / "efivars.fd")
    (folder.parent / "known_hosts").write_text("".join(f"{ALIAS} {key}\n" for key in image.host_keys))
    (folder / "base").write_text(f"{image.folder.name}\n")


def disks_of(folder: Path) -> tuple[str, ...]:
    """Return the files of a machine's disks, or of a checkpoint's, in order."""
    note = folder / DISKS
    return tuple(note.read_text().split()) if note.exists() else tuple(disk[0] for disk in MACHINE.disks)


def _plain_disks(folder: Path, image: Image) -> None:
    overlay(folder / "system.qcow2", image.disk)
    if image.second.exists():
        overlay(folder / "data.qcow2", image.second)
    else:
        _qemu_img("create", "-q", "-f", "qcow2", str(folder / "data.qcow2"), f"{DATA_DISK_GIB}G")


def overlay(disk: Path, ground: Path, size: int | None = None) -> None:
    """Make an empty disk that reads as `ground` does where nothing was written to it yet.

    With `size`, in bytes, the ground is not opened: a running machine may hold it.
    """
    backing = os.path.relpath(ground, disk.parent)
    more = ("-u", str(disk), str(size)) if size else (str(disk),)
    _qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, *more)


def _qemu_img(*words: str) -> None:
    subprocess.run(["qemu-img", *words], check=True)


MACHINE = qemu.Spec(ssh_port=0)
"""The testbed's own PC; its port is chosen when it is switched on."""


def switch_on(folder: Path, spec: qemu.Spec = MACHINE) -> Running:
    """Start QEMU and write `ssh_config`; again with another port if somebody took the free one meanwhile."""
    log = folder / "qemu.log"
    for _ in range(3):
        port = process.free_port()
        switch = _plugged(folder, replace(spec.wire, ssh_port=port)) if spec.wire else None
        leases.begin(folder, spec.leads)
        running = process.start(qemu.command(replace(spec, ssh_port=port)), folder, port)
        if running is not None:
            running.save(folder / "qemu.json")
            write_ssh_config(folder, port, spec.user, "::1" if spec.wire else "127.0.0.1")
            return running
        if switch is not None:
            switch.terminate()
        if "host forwarding" not in log.read_text():
            break
    raise TestbedError(
        "the virtual PC did not start",
        where=str(log),
        why=log.read_text()[-2000:],
        next_move="install the testbed's packages with `make testbed-deps`, or free the memory it asks for",
    )


def _plugged(folder: Path, wire: Wire) -> subprocess.Popen[bytes]:
    """Return the running switch that the machine's cards can be plugged into; it ends when QEMU does."""
    words = [sys.executable, "-m", "runbook.testbed.wire", str(folder)]
    for name, value in (
        ("vlan", wire.vlan),
        ("address", wire.address),
        ("router", wire.router),
        ("ssh", wire.ssh_port),
        ("proxy", wire.proxy_port),
    ):
        words += [f"--{name}", str(value)]
    words += [word for card in wire.cards for word in ("--card", card)]
    doors = [folder / socket_of(card) for card in wire.cards]
    for door in doors:
        door.unlink(missing_ok=True)
    log = folder / "wire.log"
    with log.open("wb") as out:
        switch = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    until = time.monotonic() + 60
    while not all(door.exists() for door in doors):
        if switch.poll() is not None or time.monotonic() > until:
            raise TestbedError(
                "the virtual PC's switch did not start",
                where=str(log),
                why=log.read_text()[-2000:],
                next_move="install the testbed's packages with `make testbed-deps`",
            )
        time.sleep(0.1)
    return switch


def write_ssh_config(folder: Path, port: int, user: str = "root", at: str = "127.0.0.1") -> None:
    """The configuration with which ssh finds the machine and trusts nothing but its own host keys."""
    state = folder.parent
    identity = state / (folder / "base").read_text().strip() / "id_ed25519"
    (state / "ssh_config").write_text(
        f"Host {ALIAS}\n  HostName {at}\n  Port {port}\n  User {user}\n"
        f'  IdentityFile "{identity}"\n  IdentitiesOnly yes\n  IdentityAgent none\n'
        f'  HostKeyAlias {ALIAS}\n  UserKnownHostsFile "{state / "known_hosts"}"\n'
        "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n"
        "  BatchMode yes\n  ConnectTimeout 30\n  ServerAliveInterval 15\n  ServerAliveCountMax 20\n"
    )
