"""Where the socket of a shared ssh connection (ControlPath) lies."""

from __future__ import annotations

import os
import secrets
import stat
from functools import cache
from pathlib import Path

from runbook.controller import private

_ROOM = 12 + 1 + 16
"""The socket's name, and what ssh appends to it while it makes it: a dot and 16 letters."""


def socket(to: str, config: Path | None) -> Path:
    """Return the socket's path for a destination, one a process; the name cannot be guessed.

    Raises `Refused` when its folder or what lies at its name is not this user's alone.
    """
    path = private.folder("xen-runbook", _ROOM) / _name(to, str(config), os.getpid())
    if os.path.lexists(path):
        private.require_own(path, stat.S_IFSOCK)
    return path


@cache
def _name(to: str, config: str, pid: int) -> str:
    return secrets.token_hex(6)
