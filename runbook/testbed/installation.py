"""The proof of the installer: an empty disk becomes a Debian that boots, unattended, and is as asked for.

Everything is in a folder of its own, `.testbed-install`, beside the testbed's.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from runbook import params as parameters
from runbook import steps
from runbook.errors import CheckFailed, RunbookError
from runbook.installation import image
from runbook.installation.layout import layout
from runbook.params import HostParams
from runbook.runner.run import run
from runbook.testbed import installed_disk, installer_pc
from runbook.testbed.console import Patience, wait_until
from runbook.testbed.errors import TestbedError
from runbook.testbed.installer_console import Watch
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say

PARAMS = "params/testbed-install.yml"
NOTEBOOK = "02"
CHECK = "installed_layout"

#: Hours, not minutes: software emulation, on a controller that may have other work.
PATIENCE = Patience(stall_s=1800, total_s=4 * 3600, pause_s=3)


def state_dir() -> Path:
    """Where this proof keeps everything: $RUNBOOK_INSTALL_DIR, else `.testbed-install` in the current folder."""
    return Path(os.environ.get("RUNBOOK_INSTALL_DIR") or ".testbed-install").absolute()


def main(path: str = PARAMS, *, disk: str = "", keep: bool = False, same_image: bool = False) -> int:
    """Make the image, install, boot what was installed, check it, and see the image refuse the full disk.

    `disk` replaces the parameters' disk, such as /dev/nvme0n1; `same_image` takes the last time's image as it
    is; `keep` leaves the installed machine running. Returns an exit code.
    """
    began = time.monotonic()
    machine = Machine(state_dir())
    try:
        params = _with_key(parameters.load(path), machine.state, disk)
        if not same_image:
            _make(machine, params)
        _prove(machine, params)
        _check_by_runbook(path, disk)
        if not keep:
            machine.down()
            _refused(machine, params)
    except (RunbookError, TestbedError) as error:
        print(
            f"\nThe proof of the installer failed.\n{error}\n\nThe console ends with:\n{machine.console_tail(40)}"
        )
        return 1
    finally:
        if not keep:
            machine.down()
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _make(machine: Machine, params: HostParams) -> None:
    made = image.build(params, machine.state / "installer.img", machine.state, say)
    say(
        f"{made.path}: {made.size_mib} MiB; packages stand in for {len(made.taken_from_packages)} of its parts"
    )


def _prove(machine: Machine, params: HostParams) -> None:
    installer_pc.assemble(machine, params)
    _install(machine, params)
    installer_pc.start(machine, params, stick=False)
    say(f"the installed disk answered ssh after {machine.wait_ready(PATIENCE):.0f} s")
    say(installed_disk.require_layout(machine, layout(params)))


def _with_key(params: HostParams, state: Path, disk: str) -> HostParams:
    """The parameters with a key made for this proof, and another disk if one is asked for."""
    state.mkdir(parents=True, exist_ok=True)
    key = state / "id_ed25519"
    if not key.exists():
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "testbed", "-f", str(key)], check=True
        )
    changes: dict[str, object] = {"authorized_keys": (key.with_suffix(".pub").read_text().strip(),)}
    if disk:
        changes["disk"] = disk
    return params.model_copy(update={"installation": params.installation.model_copy(update=changes)})


def _install(machine: Machine, params: HostParams) -> None:
    """Switch on with the stick; return when the machine has switched itself off."""
    installer_pc.start(machine, params, stick=True)
    say(f"installing; its console: {machine.console_log}")
    watch = Watch(machine.console_log, say)
    seconds = wait_until(
        "an installation that ends by itself",
        lambda: watch.look() or bool(watch.stopped) or machine.running is None,
        lambda: True,
        machine.console_log,
        PATIENCE,
    )
    if not watch.is_complete:
        raise watch.failure(
            watch.stopped or "the machine switched itself off before the installation was complete"
        )
    say(f"installed in {seconds / 60:.1f} minutes")


def _refused(machine: Machine, params: HostParams) -> None:
    """Switch on with the stick once more: the disk is not empty now, and nothing may happen to it."""
    before = (machine.folder / "system.qcow2").stat().st_mtime_ns
    machine.console_log.rename(machine.console_log.with_suffix(".installed.log"))
    installer_pc.start(machine, params, stick=True)
    watch = Watch(machine.console_log, say)
    wait_until(
        "the installer refusing a disk that is not empty",
        lambda: watch.look() or watch.stopped != "",
        lambda: machine.running is not None,
        machine.console_log,
        PATIENCE,
    )
    machine.kill_power()
    if "not empty" not in watch.stopped or (machine.folder / "system.qcow2").stat().st_mtime_ns != before:
        raise CheckFailed("The installer did not leave a full disk alone", why=watch.stopped)
    say(f"with the stick again it refused, and the disk was not written: {watch.stopped}")


def _check_by_runbook(path: str, disk: str) -> None:
    """Let the runbook's own check of the layout say the same, where the parameters' disk was used."""
    names = {steps.name_of(step) for chapter in steps.notebooks().values() for step in chapter}
    if CHECK not in names or disk:
        say(f"{CHECK} was not run: {'another disk was asked for' if disk else 'there is no such step'}")
        return
    done = run(path, mode="check", only=NOTEBOOK)
    if done.exit_code:
        raise CheckFailed(f"Notebook {NOTEBOOK} does not agree", where=str(done.folder), why=done.message)
    say(f"notebook {NOTEBOOK} agrees: {done.folder}")
