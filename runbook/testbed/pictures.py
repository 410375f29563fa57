"""Pictures of the virtual PC's screen: its firmware's settings, GRUB's menu, and the first screen of a guest.

The machine is started with a screen and with throw-away copies of its disks (`-snapshot`), so it stays as it is.
QEMU takes the pictures (`screendump`); the one of a guest is taken by the guest's own QEMU in dom0.
"""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from runbook.controller import process
from runbook.controller.atomic import write_atomic
from runbook.controller.project import PATTERN
from runbook.controller.signals import go_on
from runbook.evidence.files import notebook_text, read_notebook
from runbook.testbed import hardware
from runbook.testbed.console import Patience, wait_until
from runbook.testbed.disk import Say
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine
from runbook.testbed.monitor import Monitor, monitor

SCREEN = replace(hardware.MACHINE, more=("-vga", "std", "-snapshot", "-boot", "menu=on,splash-time=20000"))
"""The testbed's PC with a screen, whose firmware waits so many milliseconds for a key."""
_PATIENCE = Patience(stall_s=600, total_s=1200, pause_s=1)
_SETTINGS = "Boot Manager"
"""What OVMF's settings show, on the serial port too."""
_MENU = "GNU GRUB"
_DRAWN_S = 3
"""So long a screen takes to be whole once its first words are out."""
_GUEST = """set -e
cd /root
cat > picture.cfg <<'END'
name = "picture"
type = "hvm"
memory = 256
vnc = 1
vnclisten = "127.0.0.1"
disk = [ "format=raw, vdev=hda, access=rw, target=/root/picture.img" ]
END
truncate -s 64M picture.img
xl create picture.cfg
"""
_SHOT = """set -e
xl qemu-monitor-command picture 'screendump /root/picture.png -f png' >&2
cat /root/picture.png
"""
_GUEST_S = 90
"""A guest's BIOS gives up looking for something to start after about so long, in an emulator."""


def take(machine: Machine, out: Path, say: Say) -> Iterator[Path]:
    """Yield the pictures as they are taken into the folder `out`: firmware, GRUB, and of a machine with Xen a guest.

    Raises `TestbedError` when the machine is on, is not there, or does not come so far.
    """
    if machine.running is not None or not hardware.is_assembled(machine.folder):
        raise TestbedError(
            "there is no machine to take pictures of",
            where=str(machine.folder),
            why="it is on" if machine.running else "nothing was built there",
            next_move="build it with `runbook testbed up`, and switch it off with `runbook testbed down`",
        )
    out.mkdir(parents=True, exist_ok=True)
    machine.console_log.unlink(missing_ok=True)
    go_on()
    hardware.switch_on(machine.folder, SCREEN)
    try:
        with monitor(machine.folder / SCREEN.monitor_socket) as screen:
            yield _seen(machine, screen, _SETTINGS, "esc", out / "pc-firmware.png", say)
            machine.console_log.write_bytes(b"")
            screen.tell("system_reset")
            yield _seen(machine, screen, _MENU, "", out / "pc-grub.png", say)
            _press(screen, "ret")
        say(f"answered ssh after {machine.wait_ready(_PATIENCE):.0f} s")
        if subprocess.run([*machine.root, "xl", "info"], capture_output=True, check=False).returncode == 0:
            yield _guest(machine, out / "pc-guest.png")
    finally:
        if running := machine.running:  # nothing on its disks is to stay
            process.end(running)


def _seen(machine: Machine, screen: Monitor, words: str, key: str, picture: Path, say: Say) -> Path:
    """Wait until the machine shows words, pressing a key meanwhile; keep it there, and take the picture."""
    say(f"waiting for {words}")

    def is_shown() -> bool:
        if words.encode() in machine.console_log.read_bytes():
            return True
        if key:
            _press(screen, key)
        return False

    wait_until(words, is_shown, _alive(machine), machine.console_log, _PATIENCE)
    if not key:  # any arrow stops the clock of a menu
        _press(screen, "down")
        _press(screen, "up")
    time.sleep(_DRAWN_S)
    screen.tell("screendump", filename=str(picture.absolute()), format="png")
    return picture


def _alive(machine: Machine) -> Callable[[], bool]:
    return lambda: machine.running is not None


def _press(screen: Monitor, key: str) -> None:
    screen.tell("send-key", keys=[{"type": "qcode", "data": key}])


def _guest(machine: Machine, picture: Path) -> Path:
    """Start a guest with an empty disk and take its screen, as its own QEMU has it."""
    _told(machine, _GUEST)
    time.sleep(_GUEST_S)
    picture.write_bytes(_told(machine, _SHOT))
    return picture


def _told(machine: Machine, script: str) -> bytes:
    """Return what a script printed on the machine. Raises `TestbedError`."""
    done = subprocess.run(
        [*machine.root, "sh", "-s"], input=script.encode(), capture_output=True, check=False, timeout=600
    )
    if done.returncode:
        raise TestbedError(
            "the guest for the picture did not start",
            where=str(machine.folder),
            why=done.stderr.decode(errors="replace")[-1000:],
            next_move="boot the machine with `runbook testbed up` and try `xl create` there",
        )
    return done.stdout


def renew(notebooks: Path, picture: Path) -> list[Path]:
    """Put a picture in the place of its older self, wherever a cell of these notebooks has it attached; return those."""
    data, changed = base64.b64encode(picture.read_bytes()).decode(), []
    for path in sorted(notebooks.glob(PATTERN)):
        nb = read_notebook(path)
        cells = [cell for cell in nb.cells if picture.name in cell.get("attachments", {})]
        for cell in cells:
            cell.attachments[picture.name] = {"image/png": data}
        if cells:
            write_atomic(path, notebook_text(nb))
            changed.append(path)
    return changed
