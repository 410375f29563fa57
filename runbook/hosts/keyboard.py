"""What ssh asks, answered by a person at the terminal: a password, a code, the passphrase of a key.

ssh runs a program for each question (SSH_ASKPASS in ssh(1)), which brings it to the process that has the terminal, through
a socket in a folder of the user's own. So every process of a run can open a connection, as often as the host is restarted or
a switch has to be confirmed, and no answer is in a file, an argument or an environment variable.
"""

from __future__ import annotations

import atexit
import getpass
import os
import shlex
import shutil
import socket
import sys
import tempfile
import termios
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook.controller import private
from runbook.controller.keyboard import at_terminal
from runbook.errors import Refused
from runbook.params.host import Local, Ssh, Stored
from runbook.redaction import learn
from runbook.text.visible import visible

ASKED = "RUNBOOK_ASK"
"""The environment variable that names the folder with the socket and ssh's program."""
WAIT_S = 100
"""How long a person may take until a connection is open."""
_PROGRAM, _SOCKET = "ask", "socket"
_ASK = """import socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[1])
    line.sendall(sys.argv[2].encode("utf-8", "surrogateescape"))
    line.shutdown(socket.SHUT_WR)
    said = b"".join(iter(lambda: line.recv(4096), b""))
sys.stdout.buffer.write(said)
sys.exit(not said)"""
_LONGEST = 4096


def require(connection: Ssh | Local | Stored) -> None:
    """Let a person answer what ssh asks, where the parameters say that one does. Raises `Refused` when nobody is there.

    Afterwards this process answers, for itself and all that it starts, until it ends.
    """
    if not isinstance(connection, Ssh) or connection.login != "keyboard" or _folder():
        return
    if not at_terminal():
        raise Refused(
            f"ssh to {connection.to} asks for what a person types, and nobody is at a terminal",
            where="connection.login",
            why="it is `keyboard`",
            do="run it at a terminal (`runbook plan PARAMS`, not JupyterLab, a clock or a fleet); or let a key alone do "
            "from this machine, by a `Match Address` in its sshd_config, and leave `login` out",
        )
    _Desk().start()


def program() -> str:
    """Return the program by which ssh asks, '' where nobody answers."""
    return str(folder / _PROGRAM) if (folder := _folder()) else ""


def _folder() -> Path | None:
    named = os.environ.get(ASKED, "")
    return Path(named) if named and (Path(named) / _SOCKET).is_socket() else None


class _Desk(threading.Thread):
    """Takes questions one after the other, and shows them at the terminal."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        folder = Path(tempfile.mkdtemp(prefix="xr-ask-", dir=private.temporary()))
        ask = folder / _PROGRAM
        words = (sys.executable, "-ISc", _ASK, str(folder / _SOCKET))
        ask.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$1"\n')
        ask.chmod(0o700)
        self._line = socket.socket(socket.AF_UNIX)
        self._line.bind(str(folder / _SOCKET))
        self._line.listen()
        os.environ[ASKED] = str(folder)
        atexit.register(_leave, os.getpid(), folder, _terminal())

    def run(self) -> None:
        while True:
            line, _ = self._line.accept()
            with line, suppress(OSError):
                with line.makefile("rb") as file:
                    question = file.read(_LONGEST).decode("utf-8", "replace")
                line.sendall(_answer(question).encode())


def _answer(question: str) -> str:
    """Return what a person types; the question may be the host's own words, so nothing of it acts on the terminal."""
    try:
        answer = getpass.getpass(f"\n{visible(question.strip())} ")
    except (EOFError, OSError):
        return ""
    learn("typed:ssh", answer)
    return f"{answer}\n"


def _terminal() -> Any:
    """Return how the terminal is set, None where there is none: a question that nobody answers must not leave it without an echo."""
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        return None


def _leave(pid: int, folder: Path, terminal: Any) -> None:
    if os.getpid() != pid:
        return
    shutil.rmtree(folder, ignore_errors=True)
    if terminal is not None:
        with suppress(termios.error, OSError, ValueError):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, terminal)
