"""A host over OpenSSH itself: your config, agent, jump hosts and known_hosts just work."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

from runbook.errors import HostError, Refused
from runbook.hosts import control, keyboard, script
from runbook.hosts.base import OnLine, Result
from runbook.hosts.control import Line
from runbook.hosts.exchange import Limits
from runbook.hosts.shell import ShellHost
from runbook.hosts.streams import Reader
from runbook.hosts.sudo import Sudo

_BOOT_ID = ("cat", "/proc/sys/kernel/random/boot_id")

# What ssh says, what it means, and the next move. The first match wins.
_COMPLAINTS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key is not the one that is known for this name",
        "find out why: after a reinstallation, `ssh-keygen -R NAME` and connect once by hand; otherwise do not go on",
    ),
    (
        "Host key verification failed",
        "the host key is not known yet",
        "connect once by hand with ssh, compare the fingerprint, then run again",
    ),
    (
        "Permission denied (keyboard-interactive",
        "the host takes your key for {user} and wants more: a code or a password",
        "say `login: keyboard` under `connection` in the parameters and run it at a terminal, where you answer what ssh "
        "asks; or let a key alone do from this machine, by a `Match Address` in its sshd_config",
    ),
    (
        "Permission denied",
        "the host does not accept your key for {user}",
        "copy the key with `ssh-copy-id {to}`, or name it in your ssh config (IdentityFile)",
    ),
    (
        "Could not resolve hostname",
        "the name is not known",
        "check `connection.to` in the parameters; for the testbed: `runbook testbed up`",
    ),
    (
        "",
        "no connection, or one that broke before the host answered",
        "is it on, is its network up, does `ssh` to it work by hand? For the testbed: `runbook testbed up`",
    ),
)


class SshHost(ShellHost):
    """A machine reached by ssh, as root or as somebody who is root by sudo. Commands share one connection (ControlMaster)."""

    def __init__(
        self,
        to: str,
        config: Path | None = None,
        limits: Limits | None = None,
        line: Line | None = None,
        sudo: Sudo | None = None,
        *,
        is_asked: bool = False,
    ) -> None:
        """`line` is that of a run, which closes it; without one, or when its folder is gone, the connection is our own.

        With `is_asked` a person answers what ssh asks (`runbook.hosts.keyboard`).
        """
        super().__init__(limits, sudo)
        self.describe = to
        self._config, self._handed = config, line
        asks = keyboard.program() if is_asked else ""
        self._ssh = ["env", f"SSH_ASKPASS={asks}", "SSH_ASKPASS_REQUIRE=force", "ssh"] if asks else ["ssh"]
        self._fresh_s = keyboard.WAIT_S if asks else None
        self._options = [
            *(["-F", str(config)] if config else []),
            *("-o", "BatchMode=no" if asks else "BatchMode=yes"),
            *("-o", "ConnectTimeout=20"),
            *("-o", "ServerAliveInterval=10"),
            *("-o", "ServerAliveCountMax=6"),
        ]

    def transport(self, command: str) -> list[str]:
        """Raises `Refused` when the socket of the shared connection is not this user's alone."""
        socket = self.socket()
        control.wait_for(socket)
        return [*self._ssh, *self._options, *_shared(socket), "--", self.describe, self.as_root(command)]

    @property
    def user(self) -> str:
        return self.describe.rpartition("@")[0] or super().user

    def socket(self) -> Path:
        """Return where the shared connection's socket is. Raises `Refused` when it is not this user's alone."""
        return (self._line() or control.own()).socket(self.describe, self._config)

    def _line(self) -> Line | None:
        return self._handed if self._handed and self._handed.folder.is_dir() else None

    def opening(self, timeout_s: int) -> list[str]:
        """Return the argv that opens the shared connection, and ends when it is open, or cannot be within this time."""
        soon = ("-o", f"ConnectTimeout={timeout_s}")  # the first one counts
        return [*self._ssh, *soon, *self._options, *_shared(self.socket()), "-f", "-N", "--", self.describe]

    def ordering(self, order: str) -> list[str]:
        """Return the argv that gives the shared connection an order: `exit`, or `stop` when nothing goes over it any more."""
        shared = ("-o", f"ControlPath={self.socket()}", "-O", order)
        return [*self._ssh, *self._options, *shared, "--", self.describe]

    def raise_if_unreachable(self, result: Result) -> None:
        if result.status != 255:
            return
        why, do = next((why, do) for said, why, do in _COMPLAINTS if said in result.err)
        last = [line for line in result.err.strip().splitlines() if not line.startswith(("@", "@@"))][-2:]
        raise HostError(
            f"Cannot reach {self.describe}",
            where="ssh",
            why=": ".join([why.format(user=self.user), *last]),
            do=do.format(to=self.describe),
        )

    def after_cut(self, status: int, err: Reader) -> str:
        """sshd leaves a command alone when its connection breaks: it would go on, seen by nobody."""
        if status != 255 or err.pgid is None:
            return ""
        order = script.end_command(err.pgid, err.since)
        if self.fresh(("sh", "-c", f"{order} 2>/dev/null; :")) is None:
            return "what it ran on the host may still be running there\n"
        return "what it ran on the host was ended over a new connection\n"

    def own_transport(self, command: str) -> list[str]:
        return [
            *self._ssh,
            *self._options,
            "-o",
            "ControlPath=none",
            "--",
            self.describe,
            self.as_root(command),
        ]

    def reboot(self, wait_s: float, on_line: OnLine | None = None) -> None:
        before = self.fresh(_BOOT_ID)
        self.run(("systemd-run", "--quiet", "--on-active=1", "systemctl", "reboot"), timeout_s=60)
        self.close()
        self.hang_up()
        started = time.monotonic()
        while (waited := time.monotonic() - started) < wait_s:
            now = self.fresh(_BOOT_ID)
            if now and now != before:
                return
            if on_line:
                on_line(f"waiting for {self.describe} to come back: {waited:.0f} s")
            time.sleep(3)
        raise HostError(
            f"{self.describe} did not come back within {wait_s:.0f} s",
            why="it does not answer over ssh, or it never went down",
            do="look at its screen; a power cycle starts the safe default entry (plain Debian)",
        )

    def close(self) -> None:
        super().close()
        if not self._line():
            self.hang_up()

    def hang_up(self) -> None:
        """Close the shared connection; what comes next opens it again."""
        with contextlib.suppress(subprocess.TimeoutExpired, Refused):
            if self.socket().exists():
                null = subprocess.DEVNULL
                subprocess.run(
                    self.ordering("exit"), stdin=null, stdout=null, stderr=null, timeout=10, check=False
                )


def _shared(socket: Path) -> tuple[str, ...]:
    return ("-o", "ControlMaster=auto", "-o", "ControlPersist=120", "-o", f"ControlPath={socket}")
