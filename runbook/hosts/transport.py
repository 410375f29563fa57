"""One shell line on a host: how it gets there, how long it may take, how much it may say, and how it is ended."""

from __future__ import annotations

import contextlib

from runbook.errors import HostError, TimedOut
from runbook.hosts import script
from runbook.hosts.base import OnLine, Result
from runbook.hosts.exchange import Limits, Said, exchange
from runbook.hosts.streams import KEPT, Reader
from runbook.hosts.sudo import Sudo, refused

END_S = 20
LOST = 255
"""What ssh ends with when the connection failed."""


class Transport:
    """Carries shell lines to a host. Subclasses give `transport` and `raise_if_unreachable`."""

    describe = ""

    def __init__(self, limits: Limits | None = None, sudo: Sudo | None = None) -> None:
        """With `sudo` every shell line is root's by sudo(8)."""
        self.round_trips = 0
        self.limits = limits or Limits()
        self._sudo = sudo

    def transport(self, command: str) -> list[str]:
        """Return the argv on the controller that runs one shell line on the host, as root."""
        raise NotImplementedError

    @property
    def user(self) -> str:
        """As whom we come there, before sudo; USER where only the ssh configuration knows it."""
        return "USER"

    def as_root(self, command: str) -> str:
        """Return the shell line that runs one as root, for whoever we are there."""
        return self._sudo.line(command) if self._sudo else command

    def raise_if_unreachable(self, result: Result) -> None:
        """Raise `HostError` when a result means that the host, not the command, failed."""

    def _shell(
        self,
        command: str,
        argv: tuple[str, ...],
        stdin: bytes,
        timeout_s: float | None,
        on_line: OnLine | None,
    ) -> Result:
        allowed = self.limits.timeout_s if timeout_s is None else timeout_s
        said = self._exchange(command, f"'{' '.join(argv)}'", stdin, allowed, on_line=on_line)
        error = said.err.text() + self.after_cut(said.status, said.err)
        return Result(argv, said.status, said.out.text(), error)

    def _exchange(
        self,
        command: str,
        what: str,
        stdin: bytes,
        timeout_s: float,
        *,
        kept: int = KEPT,
        on_line: OnLine | None = None,
        argv: list[str] | None = None,
    ) -> Said:
        said = exchange(
            argv or self.transport(command),
            stdin=stdin,
            late=lambda why: self._late(what, timeout_s, why),
            flooded=lambda stream, begin: self._flooded(what, stream, begin),
            timeout_s=timeout_s,
            limit=self.limits.size,
            kept=kept,
            on_line=on_line,
            end=self._end,
            sudo=self._sudo,
        )
        self._require_root(said.status, said.err)
        return said

    def _require_root(self, status: int | None, err: Reader) -> None:
        """Raise `HostError` when sudo did not let us in, and nothing was done; a connection that failed is no such thing."""
        if status != LOST and not err.has_begun:
            raise refused(self.describe, self.user, err.text())

    def _late(self, what: str, timeout_s: float, why: str) -> TimedOut:
        if what.startswith("'"):
            return TimedOut(
                f"{what} took longer than {timeout_s:.0f} s and was ended",
                where=self.describe,
                why=why,
                do="look at the host, then run again: what is done is not done twice",
            )
        return TimedOut(
            f"{self.describe} did not give {what} within {timeout_s:.0f} s, and was waited for no longer",
            where=self.describe,
            why=why or "it took the question and said nothing",
            do="look whether it hangs: log in and try `lsblk` and `systemctl --failed`. If it is only slow, allow "
            "more: `connection.answer_timeout_s` in the parameters",
        )

    def _flooded(self, what: str, stream: str, begin: str) -> HostError:
        return HostError(
            f"{self.describe} said more than {self.limits.mib} MiB for {what}, and was cut off",
            where=f"{self.describe}, {stream}",
            why=f"it begins with {begin!r}",
            do="find out what says so much there, a login script perhaps, and end it. If it is right, allow more: "
            "`connection.answer_limit_mib` in the parameters",
        )

    def after_cut(self, status: int, err: Reader) -> str:
        """End on the host what a broken connection left there, and return a line that says so."""
        return ""

    def _end(self, pgid: int) -> None:
        with contextlib.suppress(HostError, TimedOut):
            self._exchange(script.end_command(pgid), "its end", b"", END_S)
