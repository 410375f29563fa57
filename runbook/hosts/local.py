"""This very machine."""

from __future__ import annotations

import getpass

from runbook.hosts.shell import ShellHost


class LocalHost(ShellHost):
    """The machine that the runbook runs on. It can do all but restart itself, as root or by sudo."""

    describe = "this machine"

    @property
    def user(self) -> str:
        return getpass.getuser()

    def transport(self, command: str) -> list[str]:
        return ["sh", "-c", self.as_root(command)]
