"""The virtual PC as a thing to switch on, reach and switch off.

`up()` gives a `Machine` that answers ssh; `down()` and `status()` act on the one that is there.
There is one machine for each Debian release, with all its files in one folder: `.testbed` here for
Debian 13, `.testbed-bookworm` for Debian 12; RUNBOOK_TESTBED_DIR names another instead of `.testbed`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook.controller import process
from runbook.controller.process import Running
from runbook.testbed import hardware, qemu
from runbook.testbed.console import Patience, console_tail, wait_until
from runbook.testbed.disk import Say
from runbook.testbed.errors import GaveUp
from runbook.testbed.hardware import ALIAS
from runbook.testbed.image import RELEASE, Image, base_image, default_recipe
from runbook.testbed.provision import COMMANDS, provision
from runbook.testbed.recipe import Recipe

FIRST_BOOTS = 3
"""A kernel patches its own code early in its start; an emulator with several processors gets that wrong now and then
(`Oops: int3`), and a controller with too much to do lets systemd wait in vain for its disks. Nothing was done yet on a
machine that is fresh, or begins at a checkpoint, so it may try again; later this is an error at once."""


@dataclass(frozen=True)
class Machine:
    """A virtual PC, on or off. `state` is the folder that holds everything of it."""

    state: Path
    become: tuple[str, ...] = ()
    """The command by which the user who logs in becomes root, where root itself does not log in."""

    @property
    def folder(self) -> Path:
        """This machine's own files; the base disks lie beside it."""
        return self.state / "machine"

    @property
    def ssh_config(self) -> Path:
        """For `ssh -F`: knows the host alias `runbook-testbed`."""
        return self.state / "ssh_config"

    @property
    def console_log(self) -> Path:
        return self.folder / qemu.Spec(0).console_log

    @property
    def running(self) -> Running | None:
        """The QEMU process, None if the machine is off."""
        return Running.load(self.folder / "qemu.json")

    @property
    def ssh(self) -> tuple[str, ...]:
        """The argv that a remote command is appended to."""
        return ("ssh", "-F", str(self.ssh_config), ALIAS)

    @property
    def root(self) -> tuple[str, ...]:
        """The argv that a command for root is appended to."""
        return (*self.ssh, *self.become)

    def answers(self) -> bool:
        """Whether a command can be run on it over ssh now."""
        try:
            done = subprocess.run(
                [*self.ssh, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=40, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def wait_ready(self, patience: Patience = Patience()) -> float:  # noqa: B008 - a frozen value
        """Seconds until it answers ssh; `TestbedError` with the console's end if it does not."""
        return self.wait_until("a machine that answers ssh", self.answers, patience)

    def wait_until(self, what: str, holds: Callable[[], bool], patience: Patience = Patience()) -> float:  # noqa: B008
        """Seconds until something holds of it; `TestbedError` with the console's end if it does not come to that."""
        return wait_until(what, holds, lambda: self.running is not None, self.console_log, patience)

    def console_tail(self, lines: int = 30) -> str:
        """The last lines of its serial console."""
        return console_tail(self.console_log, lines)

    def down(self, patience_s: float = 180) -> None:
        """Power off: politely, then by ending the process that `up` started. Off already is fine."""
        running = self.running
        if running is None:
            return
        if self.answers():
            subprocess.run(
                [*self.root, "systemctl", "poweroff"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
            if process.wait_gone(running, patience_s):
                return
        process.end(running)
        if not process.wait_gone(running, 20):
            self.kill_power()

    def kill_power(self) -> None:
        """Pull the plug: nothing in the machine gets a chance to finish. The disks stay."""
        running = self.running
        if running is not None:
            process.end(running, signal.SIGKILL)
            process.wait_gone(running, 20)


def state_dir(release: str = RELEASE) -> Path:
    """Where a release's machine lives: $RUNBOOK_TESTBED_DIR or `.testbed` here, or that with `-RELEASE` added."""
    folder = Path(os.environ.get("RUNBOOK_TESTBED_DIR") or ".testbed").absolute()
    return folder if release == RELEASE else folder.with_name(f"{folder.name}-{release}")


def up(
    fresh: bool = False,
    state: Path | None = None,
    say: Say | None = None,
    *,
    release: str = RELEASE,
    spec: qemu.Spec = hardware.MACHINE,
    recipe: Recipe | None = None,
    become: tuple[str, ...] = (),
    base: Image | None = None,
    at_first: tuple[tuple[str, ...], ...] = COMMANDS,
) -> Machine:
    """A machine with that Debian that answers ssh: the one that is there, or a new one.

    `fresh` throws the old machine's disks away first. The base disk is built when it is missing
    (a minute or two), unless another one is given; a fresh machine boots and is set up, by the commands `at_first`, in about
    two more.
    """
    say = say or _say
    machine = Machine(state or state_dir(release), become)
    machine.state.mkdir(parents=True, exist_ok=True)
    with _only_one(machine.state):
        if fresh:
            machine.kill_power()
            shutil.rmtree(machine.folder, ignore_errors=True)
        if not hardware.is_assembled(machine.folder):
            base = base or base_image(machine.state, recipe or default_recipe(release), say)
            hardware.assemble(machine.folder, base)
        if machine.running is None:
            hardware.switch_on(machine.folder, spec)
        say(f"booting; its console: {machine.console_log}")
        done = machine.folder / "provisioned"
        known = machine.folder / "answered"
        chances = 1 if known.exists() else FIRST_BOOTS
        say(f"answered ssh after {_answered(machine, spec, say, chances):.0f} s")
        known.touch()
        if not done.exists():
            began = time.monotonic()
            provision(machine.root, machine.console_log, at_first)
            done.touch()
            say(f"set up in {time.monotonic() - began:.0f} s")
        say(f"reach it with: ssh -F {machine.ssh_config} {ALIAS}")
    return machine


def _answered(machine: Machine, spec: qemu.Spec, say: Say, chances: int) -> float:
    """Return the seconds until it answers; one that gives up at the first boot of all gets another chance."""
    try:
        return machine.wait_ready()
    except GaveUp:
        if chances <= 1:
            raise
    say("it gave up booting, as a machine does now and then in an emulator; off and on again")
    machine.kill_power()
    hardware.switch_on(machine.folder, spec)
    return _answered(machine, spec, say, chances - 1)


def down(state: Path | None = None, *, release: str = RELEASE) -> None:
    """Power that release's machine off, if it is on."""
    Machine(state or state_dir(release)).down()


def status(state: Path | None = None, *, release: str = RELEASE) -> dict[str, str]:
    """What is there, in words: `state` is none, off, booting (or stuck) or up."""
    machine = Machine(state or state_dir(release))
    running = machine.running
    if running is None:
        return {
            "state": "off" if hardware.is_assembled(machine.folder) else "none",
            "folder": str(machine.state),
        }
    return {
        "state": "up" if machine.answers() else "booting",
        "folder": str(machine.state),
        "pid": str(running.pid),
        "ssh": " ".join(machine.ssh),
        "console": str(machine.console_log),
    }


@contextlib.contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Hold the folder's lock: two `up` at once would build and boot over each other."""
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"testbed: {text}", file=sys.stderr, flush=True)
