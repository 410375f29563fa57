"""Where the socket of a shared ssh connection (ControlPath) lies."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from runbook.controller import private

LINE = "RUNBOOK_SSH_LINE"
"""The environment variable that hands the line of a run to its kernels: `secret:folder`."""
_ROOM = 12 + 1 + 16
"""The socket's name, and what ssh appends to it while it makes it: a dot and 16 letters."""
_WAIT_S = 100
"""How long a connection that is being opened is waited for: a person may have to touch a key."""


@dataclass(frozen=True)
class Line:
    """What the processes of one run share: the folder of its sockets, and the secret that their names are made of."""

    folder: Path
    secret: str

    def environment(self) -> dict[str, str]:
        """Return the variable that hands it to a kernel."""
        return {LINE: f"{self.secret}:{self.folder}"}

    def socket(self, to: str, config: Path | None) -> Path:
        """Return the socket's path for a destination: no other one's, whatever else the kernel connects to.

        Raises `Refused` when its folder or what lies at its name is not this user's alone.
        """
        private.require_own(self.folder, stat.S_IFDIR)
        name = hashlib.sha256(f"{self.secret}\0{to}\0{config}".encode()).hexdigest()[:12]
        if os.path.lexists(path := self.folder / name):
            private.require_own(path, stat.S_IFSOCK)
        return path


def own() -> Line:
    """Return this process's own line. Raises `Refused` when the folder for sockets is not this user's alone."""
    return Line(private.folder("xen-runbook", _ROOM), _secret(os.getpid()))


def new() -> Line:
    """Return a line for a run that begins: no other run has it. Raises `Refused` as `own` does."""
    return Line(private.folder("xen-runbook", _ROOM), secrets.token_hex(16))


def handed() -> Line | None:
    """Return the line that this kernel was handed by its run, None where there is none."""
    secret, _, folder = os.environ.get(LINE, "").partition(":")
    return Line(Path(folder), secret) if secret and folder else None


@cache
def _secret(pid: int) -> str:
    return secrets.token_hex(16)


def opening(socket: Path) -> Path:
    """Return the file that is there while a run opens the connection of this socket."""
    return socket.with_suffix(".opening")


def wait_for(socket: Path) -> None:
    """Return when nobody is opening the connection any more, whether that went well or not."""
    until = time.monotonic() + _WAIT_S
    while opening(socket).exists() and time.monotonic() < until:
        time.sleep(0.01)
