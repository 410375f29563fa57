"""This very machine."""

from __future__ import annotations

from runbook.hosts.shell import ShellHost


class LocalHost(ShellHost):
    """The machine that the runbook runs on. It can do all but restart itself."""

    describe = "this machine"

    def transport(self, command: str) -> list[str]:
        return ["sh", "-c", command]
