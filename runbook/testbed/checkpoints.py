"""The machine's disks as they were after each notebook, so that later work can begin there.

A checkpoint costs no copy: the disks become the ground of new, empty overlays on which the machine goes on
(`blockdev-snapshot-sync` of QEMU's QMP). The system has written all that it holds (sync(8)) and stands still in that
moment, so what is kept is what a power cut would leave, with nothing lost. Memory is not kept, for QEMU cannot save a
machine with an emulated IOMMU: who begins there boots, into Xen where Xen ran.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from runbook.facts import grub
from runbook.testbed import hardware
from runbook.testbed.errors import TestbedError
from runbook.testbed.image import DISKS
from runbook.testbed.machine import Machine
from runbook.testbed.monitor import Monitor, monitor
from runbook.testbed.remote import shell

FRESH = "00_fresh"
"""The checkpoint of a machine on which no notebook was run yet."""
_PREFIX = "checkpoint-"
_MADE_OF = "made_of.json"
_STANDS_ON = "stands_on"
_LOOK = f"[ ! -e /proc/xen/capabilities ] || cat {grub.CONFIG}"
_CHOOSE = "cp -p /boot/grub/grubenv /run/grubenv.kept && grub-reboot '{entry}' && sync"
_FORGET = "cp -p /run/grubenv.kept /boot/grub/grubenv && rm /run/grubenv.kept"


@dataclass(frozen=True)
class Checkpoint:
    """The disks of one machine after one notebook, as `folder` holds them."""

    folder: Path
    made_of: dict[str, str]
    """What decided how it came out: `base`, `params`, and each notebook that had run, with a digest."""

    @property
    def name(self) -> str:
        """The notebook after which it was taken, or `FRESH`."""
        return self.folder.name.removeprefix(_PREFIX)

    @property
    def mib(self) -> int:
        """How much of the disk it takes, beside those that it stands on."""
        return sum(file.stat().st_blocks for file in self.folder.iterdir()) // 2048


def find_all(state: Path) -> list[Checkpoint]:
    """Return the checkpoints that are whole, in the order of their notebooks."""
    notes = sorted(state.glob(f"{_PREFIX}*/{_MADE_OF}"))  # the note is written last
    return [Checkpoint(note.parent, json.loads(note.read_text())) for note in notes]


def named(state: Path, name: str) -> Checkpoint:
    """Return the checkpoint after a notebook, given by its name or the beginning of it.

    Raises `TestbedError` with those that there are when it fits none or several.
    """
    found = [checkpoint for checkpoint in find_all(state) if checkpoint.name.startswith(name)]
    if len(found) != 1:
        there = ", ".join(checkpoint.name for checkpoint in find_all(state))
        raise TestbedError(
            f"there is no checkpoint {name}"
            if not found
            else f"{name} is the beginning of several checkpoints",
            where=str(state),
            why=f"there are: {there or 'none'}",
            next_move="name one of them, or have them made: make testbed-test",
        )
    return found[0]


def discard(state: Path, name: str = FRESH) -> None:
    """Throw away the checkpoint of that name and all later ones, which stand on it."""
    for folder in state.glob(f"{_PREFIX}*"):
        if folder.name >= f"{_PREFIX}{name}":
            shutil.rmtree(folder)


def discard_later(state: Path, name: str) -> None:
    """Throw away the checkpoints of later notebooks: they are of a run that was another one from there on.

    A notebook that changes nothing leaves none, so one of the earlier run would hide those that come behind it.
    """
    later = [checkpoint.name for checkpoint in find_all(state) if checkpoint.name > name]
    if later:
        discard(state, later[0])


def take(machine: Machine, name: str, made_of: dict[str, str]) -> Checkpoint:
    """Keep the running machine's disks under that name; those of the same and of later notebooks are thrown away.

    Raises `TestbedError` or `CheckFailed` when it could not be done; the machine runs on, as before.
    """
    folder, note = machine.state / f"{_PREFIX}{name}", machine.folder / _STANDS_ON
    if note.exists() and note.read_text() >= name:
        raise _stands_on_it(name, note)
    discard(machine.state, name)
    entry = _xen_entry(shell(machine, _LOOK))
    shell(machine, _CHOOSE.format(entry=entry) if entry else "sync")
    folder.mkdir()
    with monitor(machine.folder / hardware.MACHINE.monitor_socket) as qemu:
        qemu.tell("stop")
        try:
            _step_aside(qemu, machine.folder, folder)
        finally:
            qemu.tell("cont")
    note.write_text(name)
    if entry:
        shell(machine, _FORGET)
    (folder / _MADE_OF).write_text(json.dumps(made_of, indent=1) + "\n")
    return Checkpoint(folder, made_of)


def restore(machine: Machine, checkpoint: Checkpoint) -> None:
    """Put the machine together anew, off, with its disks as they were then. What it was since is lost."""
    machine.kill_power()
    shutil.rmtree(machine.folder, ignore_errors=True)
    machine.folder.mkdir(parents=True)
    for file in hardware.disks_of(checkpoint.folder):
        hardware.overlay(machine.folder / file, checkpoint.folder / file)
    if (checkpoint.folder / DISKS).exists():
        shutil.copyfile(checkpoint.folder / DISKS, machine.folder / DISKS)
    shutil.copyfile(
        checkpoint.folder / hardware.MACHINE.efi_variables, machine.folder / hardware.MACHINE.efi_variables
    )
    (machine.folder / "provisioned").touch()
    (machine.folder / _STANDS_ON).write_text(checkpoint.name)
    (machine.folder / "base").write_text(
        checkpoint.made_of["base"] + "\n"
    )  # last: from here on it is assembled


def _step_aside(qemu: Monitor, machine: Path, kept: Path) -> None:
    """Let QEMU go on with empty disks that stand on the ones so far, and move those to `kept`; all of them, or none.

    QEMU opens a disk that becomes a ground once more, by the name that it knows: each disk keeps one of its own for
    that, and is moved only afterwards.
    """
    shutil.copyfile(machine / hardware.MACHINE.efi_variables, kept / hardware.MACHINE.efi_variables)
    if (machine / DISKS).exists():
        shutil.copyfile(machine / DISKS, kept / DISKS)
    inserted = {
        block["device"]: block["inserted"] for block in qemu.tell("query-block") if "inserted" in block
    }
    new, actions = {}, []
    for number, file in enumerate(hardware.disks_of(machine)):
        new[file] = machine / f"{kept.name}-{file}"
        size = inserted[f"disk{number}"]["image"]["virtual-size"]
        hardware.overlay(new[file], kept / file, size)
        data = {
            "device": f"disk{number}",
            "snapshot-file": str(new[file]),
            "format": "qcow2",
            "mode": "existing",
        }
        actions.append({"type": "blockdev-snapshot-sync", "data": data})
    try:
        qemu.tell("transaction", actions=actions)
    except TestbedError:
        for overlay in new.values():
            overlay.unlink()
        shutil.rmtree(kept)
        raise
    for file, overlay in new.items():
        (machine / file).rename(kept / file)
        for other in machine.glob(f"{_PREFIX}*-{file}"):
            if other != overlay:
                other.unlink()
        (machine / file).hardlink_to(overlay)


def _xen_entry(menu: str) -> str:
    """Return the menu's first entry that starts Xen, '' when there is none."""
    found = (entry.path for entry in grub.entries(menu) if entry.is_xen and not entry.is_recovery)
    return next(found, "")


def _stands_on_it(name: str, note: Path) -> TestbedError:
    return TestbedError(
        f"the checkpoint {name} cannot be taken of a machine that stands on it, or on a later one",
        where=str(note),
        why=f"it began at {note.read_text()}",
        next_move="begin at an earlier one, or with an empty disk",
    )
