"""Root by sudo(8): the shell line that becomes root's, what sudo is told, and what its complaints mean.

sudo says things before the command does (a lecture, a name that does not resolve, what PAM has to tell), and may read
further than the password's line: sudo-rs 0.2.5 does. So root's shell says a line of its own on both streams when it
begins, which nobody could know before; what came earlier is sudo's. What the command reads is sent after that line.
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
from dataclasses import dataclass, field
from typing import IO

from runbook.errors import HostError
from runbook.hosts.streams import NO_MARKS, Reader, feed

ENTER_S = 60.0
"""How long sudo may take to let us in, once it has the password: it may wait for a finger or a slow directory."""
# Like a session of root's: sudo hands on the user's umask and folder, and drops SSH_CONNECTION.
_AS_BY_SSH = 'umask 022; cd; [ -n "$SSH_CONNECTION" ] || unset SSH_CONNECTION'
_AWAIT = "while IFS= read -r l && [ \"$l\" != '{mark}' ]; do :; done; "
_BEGIN = "{as_by_ssh}; echo '{mark}' >&2; {wait}echo '{mark}'; exec sh -c \"$1\""

_GIVE = (
    "say in `connection.become_password` where the password is (env:NAME, file:PATH, command:…), or `ask` to type it; "
    "or let {user} do all without one on the host, by `visudo -f /etc/sudoers.d/{user}`: {user} ALL=(ALL) NOPASSWD: ALL"
)
# What sudo and sudo-rs say, in their own English, what it means, and the next move. The first match wins.
_COMPLAINTS = (
    (
        ("must have a tty",),
        "sudoers(5) has requiretty, and a command has no terminal",
        "add the line `Defaults:{user} !requiretty` on the host with `visudo -f /etc/sudoers.d/{user}`",
    ),
    (
        ("account validation failure", "expired"),
        "the account of {user} is locked or expired there, or its password is",
        "log in by hand and see what `sudo true` says; root sees it with `chage -l {user}`",
    ),
    (
        ("a password is required", "authentication is required"),
        "sudo wants the password of {user}, and none is given",
        _GIVE,
    ),
    (
        ("incorrect password", "incorrect authentication", "no password was provided", "Authentication failed"),
        "the password of {user} was not accepted, or sudo wants more than a password",
        "try `sudo -k true` on the host by hand; correct what `connection.become_password` refers to, or type it again",
    ),
    (
        ("not in the sudoers", "not allowed to", "may not run sudo", "afraid I can't do that"),
        "{user} may not become root there, or not for all commands",
        "let root add {user} to the group: `adduser {user} sudo`, then close {user}'s sessions; or name another user",
    ),
    (
        ("sudo: not found", "‘sudo’", "'sudo'", "sudo: command not found"),
        "sudo is not installed there",
        "install it as root, `apt-get install sudo && adduser {user} sudo`; or connect as root",
    ),
    (
        ("no new privileges", "must be owned by uid 0", "effective uid is not 0", "effective user ID"),
        "sudo cannot become root there: a container, or a file system that is mounted with nosuid",
        "connect to the machine itself, or as root",
    ),
    (("",), "it ended before root's shell began", "see with `ssh` by hand what `sudo true` says there"),
)  # fmt: skip


@dataclass(frozen=True)
class Sudo:
    """A way to be root: by sudo, with a password or without one."""

    password: str | None = field(default=None, repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def mark(self) -> bytes:
        """The line that root's shell begins with, on both streams."""
        return f"@@ root {self.nonce}\n".encode()

    @property
    def prompt(self) -> bytes:
        """What sudo asks with; asked a second time, the password was wrong. sudo-rs puts words of its own around it."""
        return f"@@ password {self.nonce}\n".encode()

    def line(self, command: str) -> str:
        """Return a shell line that runs another as root; it reads the password from standard input, or never asks.

        With the password nothing of sudo's memory is used, and nothing is left in it (`-k`).
        """
        mark, has_password = self.mark.decode().strip(), self.password is not None
        wait = _AWAIT.format(mark=mark) if has_password else ""
        begin = _BEGIN.format(as_by_ssh=_AS_BY_SSH, mark=mark, wait=wait)
        how = f"-S -k -p {shlex.quote(self.prompt.decode())}" if has_password else "-n"
        # A session of its own, as sshd gives one: what is ended later is all of that, and not sudo.
        root = 'env SSH_CONNECTION="$SSH_CONNECTION" setsid -w sh -c'
        return f"exec env LC_ALL=C sudo {how} -H -- {root} {shlex.quote(begin)} sh {shlex.quote(command)}"

    def enter(self, stream: IO[bytes] | None, err: Reader) -> bool:
        """Give sudo the password, and return whether root's shell has begun; it waits for what comes next then."""
        assert stream
        if self.password is None:
            return True
        with contextlib.suppress(OSError):  # who does not read has said why, or does not ask
            stream.write(f"{self.password}\n".encode())
            stream.flush()
        err.settled.wait(ENTER_S)
        if err.has_begun:
            with contextlib.suppress(OSError):
                stream.write(self.mark)
                stream.flush()
        return err.has_begun

    def feed(self, stream: IO[bytes] | None, data: bytes, err: Reader) -> None:
        """Enter, hand root's shell all of the data, and close; a password that was wrong gets no second try."""
        feed(stream, data if self.enter(stream, err) else b"")

    def hold(self, stream: IO[bytes] | None, err: Reader) -> None:
        """Enter and leave the stream open, unless nobody lets us in."""
        if not self.enter(stream, err):
            feed(stream, b"")


def marks(sudo: Sudo | None) -> tuple[bytes, bytes]:
    """Return the marks by which a reader tells sudo's words from those of what it runs."""
    return (sudo.mark, sudo.prompt) if sudo else NO_MARKS


def refused(where: str, user: str, text: str) -> HostError:
    """Return the error for what sudo said to a user on a host, instead of letting us in."""
    _, why, do = next(row for row in _COMPLAINTS if any(words in text for words in row[0]))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("@@ ")]
    return HostError(
        f"Not root on {where} by sudo",
        where="sudo",
        why=": ".join([why.format(user=user), *(line.strip() for line in lines[-2:])]),
        do=do.format(user=user),
    )
