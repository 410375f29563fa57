"""The password that sudo asks for: fetched or typed once, and handed from a run to its kernels.

It goes through a pipe that a kernel inherits, and is in no file, argument or environment variable: the variable
only says which handle the pipe is. What a process knows it keeps until it ends.
"""

from __future__ import annotations

import getpass
import json
import os
import stat

from runbook.controller.keyboard import at_keyboard
from runbook.errors import ParamsError, Refused
from runbook.hosts.sudo import Sudo
from runbook.params.host import Local, Ssh, Stored
from runbook.params.secrets import TYPED, password
from runbook.redaction import LEAST, learn

HANDED = "RUNBOOK_SUDO"
"""The environment variable that names the pipe with the passwords of a run: `handle:inode`."""
_known: dict[str, str] = {}


def sudo(connection: Ssh | Local | Stored) -> Sudo | None:
    """Return the way to root on a host, None where we come as root; the password is fetched or asked for only once.

    Raises `ParamsError` when it cannot be had, `Refused` when it is to be typed and nobody is there, and `ConsentMissing` for
    a command that nobody allowed.
    """
    if isinstance(connection, Stored) or connection.become == "none":
        return None
    reference = connection.become_password
    if not reference:
        return Sudo()
    _take()
    name = connection.to if isinstance(connection, Ssh) else "this machine"
    key = f"{name} {reference}" if reference == TYPED else reference
    if key not in _known:
        _known[key] = _typed(name) if reference == TYPED else password(reference)
    return Sudo(_known[key])


def lend() -> tuple[int, dict[str, str]] | None:
    """Return a handle to be inherited and what its environment has to say, None where no password is known.

    Whoever starts the process closes the handle afterwards. Raises `OSError`.
    """
    if not _known:
        return None
    handle, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:  # a pipe holds 64 KiB, and passwords are short
        pipe.write(json.dumps(_known).encode())
    return handle, {HANDED: f"{handle}:{os.fstat(handle).st_ino}"}


def _take() -> None:
    """Learn what this process was handed, and let go of the pipe."""
    handle, _, inode = os.environ.pop(HANDED, "").partition(":")
    try:
        found = os.fstat(int(handle))
    except (OSError, ValueError):
        return
    if not stat.S_ISFIFO(found.st_mode) or str(found.st_ino) != inode:
        return  # a process further down inherits the variable and not the pipe
    with os.fdopen(int(handle), "rb") as pipe:
        for key, value in json.loads(pipe.read() or b"{}").items():
            learn(key if ":" in key else "typed:sudo", value)
            _known[key] = value


def _typed(name: str) -> str:
    if not at_keyboard():
        raise Refused(
            f"The password for sudo on {name} is to be typed, and nobody is at a keyboard",
            where="connection.become_password",
            why="it is `ask`",
            do="run it at a terminal, or say where the password is: env:NAME, file:PATH or command:…",
        )
    try:
        value = getpass.getpass(f"Password for sudo on {name}: ")
    except EOFError:
        value = ""
    if not learn("typed:sudo", value):
        raise ParamsError(
            f"What was typed is no password for sudo on {name}",
            why=f"it is shorter than {LEAST} characters, which no report could keep to itself",
            do="give that account a longer one there, or a sudoers rule with NOPASSWD, and leave become_password out",
        )
    return value
