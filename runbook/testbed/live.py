"""The proof of the way from a live system: an empty disk, a system beside it, and notebook 02 over ssh.

The machine is the testbed's own base disk of another release, so that the new system shows that it is
the new one, and an empty disk that the firmware tries first: as soon as something can be started from it,
the machine starts that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from runbook import hosts
from runbook import params as parameters
from runbook.controller.apt_sources import own_sources
from runbook.errors import CheckFailed, RunbookError
from runbook.runner.run import Run, run
from runbook.steps.debian_installation import partition_disk
from runbook.steps.shared import target
from runbook.testbed import hardware, qemu
from runbook.testbed.console import Patience
from runbook.testbed.errors import TestbedError
from runbook.testbed.image import Image, base_image, default_recipe
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say

STATE = ".testbed-live"
PARAMS = "params/testbed-live.yml"
NOTEBOOK = "02_debian_installation"
CONSENT_MISSING = 4
LIVE_RELEASE = "bookworm"
DISK_GIB = 100
#: The new disk is /dev/vda and is tried first; the live system's is /dev/vdb.
SPEC = qemu.Spec(
    ssh_port=0,
    memory_mib=2048,
    nics=(qemu.UPLINK,),
    spares=(),
    disks=(("new.qcow2", "0x8"), ("live.qcow2", "0x9")),
)
#: Hours, not minutes: software emulation, on a controller that may have other work.
PATIENCE = Patience(stall_s=1800, total_s=4 * 3600, pause_s=3)


def main(*, keep: bool = False) -> int:
    """Install from the live system, start the result, run everything again; return an exit code.

    Everything is read off the machine: a run without consent must leave the disk empty, the installed
    system must answer with the host key that the live one had, and the second run must change nothing.
    """
    began = time.monotonic()
    machine = up(fresh=True)
    try:
        _prove(machine)
    except (RunbookError, TestbedError) as error:
        print(
            f"\nThe proof of the live way failed.\n{error}\n\nThe console ends with:\n{machine.console_tail(40)}"
        )
        return 1
    finally:
        if not keep:
            machine.down()
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _prove(machine: Machine) -> None:
    _ssh(machine, "touch", target.MARK)
    unasked = _run(PARAMS, "apply")
    if unasked.exit_code != CONSENT_MISSING or _children(machine):
        raise CheckFailed(
            "A run without consent was not stopped before the disk was touched",
            where=str(unasked.folder),
            why=f"exit code {unasked.exit_code}: {unasked.message}",
        )
    say("without consent for its digest the disk was left alone")
    agreed = _consent(machine)
    first = _good(_run(agreed, "apply"))
    root = _ssh(machine, "findmnt", "-n", "-o", "SOURCE", "/").strip()
    if root != "/dev/mapper/xen-root":
        raise CheckFailed("The machine does not run from the new root", why=f"its root is {root}")
    second = _good(_run(agreed, "apply"))
    changed = {name: status for name, status in second.steps.items() if status != "unchanged"}
    if changed or not second.steps:
        raise CheckFailed(
            "The second run was not without changes", where=str(second.folder), why=str(changed)
        )
    _good(_run(agreed, "check"))
    say(f"the installed system runs from {root}; reports: {first.folder}, {second.folder}")


def _consent(machine: Machine) -> str:
    """Return a copy of the parameters that agrees to the very plan for the disk as it is now."""
    asked = parameters.load(PARAMS)
    host = hosts.connect(asked, NOTEBOOK)
    facts = host.gather(partition_disk.asks(asked))
    host.close()
    digest = partition_disk.plan(asked, facts).digest()
    file = machine.state / "params.yml"
    text = parameters.find(PARAMS).read_text()
    file.write_text(text.replace("consent: [", f"consent: [partition_disk:{digest}, "))
    say(f"consent to partition_disk:{digest}")
    return str(file)


def _run(params: str, mode: str) -> Run:
    began = time.monotonic()
    done = run(params, mode=mode, only=NOTEBOOK, on_event=_progress)
    say(f"mode {mode} ended with {done.exit_code} after {(time.monotonic() - began) / 60:.1f} minutes")
    return done


def _good(done: Run) -> Run:
    if done.exit_code:
        raise CheckFailed("A run failed", where=str(done.folder), why=done.message, do="see its report")
    return done


def _children(machine: Machine) -> bool:
    """Return whether anything is on the new disk."""
    rows = json.loads(_ssh(machine, "lsblk", "-J", "-o", "NAME,PTTYPE,FSTYPE", "/dev/vda"))["blockdevices"]
    return any(row.get("children") or row["pttype"] or row["fstype"] for row in rows)


def _ssh(machine: Machine, *argv: str) -> str:
    done = subprocess.run([*machine.ssh, *argv], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckFailed(f"'{' '.join(argv)}' failed on the machine", why=done.stderr.strip())
    return done.stdout


def _progress(event: dict[str, object]) -> None:
    if event.get("event") == "step-end":
        say(f"  {event.get('step')}: {event.get('status')}")


def up(*, fresh: bool) -> Machine:
    """Return a machine that runs the live system, with an empty disk beside it."""
    machine = Machine(Path(os.environ.get("RUNBOOK_LIVE_DIR") or STATE).absolute())
    machine.state.mkdir(parents=True, exist_ok=True)
    if fresh:
        machine.kill_power()
        shutil.rmtree(machine.folder, ignore_errors=True)
    if not hardware.is_assembled(machine.folder):
        recipe = replace(
            default_recipe(), sources=own_sources(LIVE_RELEASE), release=LIVE_RELEASE, hostname="live"
        )
        _assemble(machine.folder, base_image(machine.state, recipe, say))
    if machine.running is None:
        hardware.switch_on(machine.folder, SPEC)
    say(f"booting; its console: {machine.console_log}")
    say(f"answered ssh after {machine.wait_ready(PATIENCE):.0f} s")
    return machine


def _assemble(folder: Path, image: Image) -> None:
    folder.mkdir()
    backing = os.path.relpath(image.disk, folder)
    _qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, str(folder / "live.qcow2"))
    _qemu_img("create", "-q", "-f", "qcow2", str(folder / "new.qcow2"), f"{DISK_GIB}G")
    shutil.copyfile(qemu.OVMF_VARS, folder / "efivars.fd")
    keys = "".join(f"{hardware.ALIAS} {key}\n" for key in image.host_keys)
    (folder.parent / "known_hosts").write_text(keys)
    (folder / "base").write_text(f"{image.folder.name}\n")


def _qemu_img(*words: str) -> None:
    subprocess.run(["qemu-img", *words], check=True)
