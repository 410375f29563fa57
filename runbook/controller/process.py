"""One QEMU process: started on its own, known by pid and start time, ended by that pid only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """A process that we started. `started` is its start time in clock ticks, since pids are reused."""

    pid: int
    started: int
    ssh_port: int

    def is_alive(self) -> bool:
        """Whether exactly this process still runs."""
        return start_ticks(self.pid) == self.started

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> Running | None:
        """The process noted in `path` if it still runs, else None."""
        try:
            running = cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return running if running.is_alive() else None


def start_ticks(pid: int) -> int | None:
    """The start time of `pid` (field 22 of proc_pid_stat(5)), None if it is gone or only a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def start(argv: Sequence[str], folder: Path, ssh_port: int) -> Running | None:
    """Run `argv`, which puts itself in the background and leaves its pid in `qemu.pid` of `folder`.

    Its messages go to `qemu.log` there. None if it says no: by then it has checked its arguments,
    taken its memory and its port.
    """
    with (folder / "qemu.log").open("w") as log:
        done = subprocess.run(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )
    if done.returncode != 0:
        return None
    pid = int((folder / "qemu.pid").read_text())
    return Running(pid, start_ticks(pid) or 0, ssh_port)


def wait_gone(running: Running, seconds: float) -> bool:
    """Whether the process ended within `seconds`."""
    until = time.monotonic() + seconds
    while running.is_alive():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def end(running: Running, how: signal.Signals = signal.SIGTERM) -> None:
    """Send `how` to the process if it still is the one we started."""
    if running.is_alive():
        os.kill(running.pid, how)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
