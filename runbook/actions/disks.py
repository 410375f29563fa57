"""A new system on a disk: its partition table, and work inside it before it runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from runbook.model.action import Action
from runbook.model.ask import Facts


@dataclass(frozen=True)
class WritePartitionTable(Action):
    """Give a whole disk a new partition table. Everything on it is lost.

    `identity` says which disk is meant, in words that no other disk shares, and `loses` what is on it:
    both are part of the plan's digest, so consent for one disk, or for an empty one, is not consent for
    another (`table` is a script for sfdisk(8)). sfdisk itself refuses a disk that is in use.
    """

    disk: str
    identity: str
    table: str
    loses: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"write a new partition table to {self.disk}"

    def preview(self, facts: Facts) -> str:
        lines = [f"# {self.disk} is {self.identity}", *(f"- {line}" for line in self.loses)]
        return "\n".join([*lines, *(f"+ {line}" for line in self.table.splitlines())]) + "\n"

    def inverse(self, facts: Facts) -> None:
        return None


@dataclass(frozen=True)
class RunIn(Action):
    """Run one command inside a system that is not running but mounted at `root` (chroot(8)).

    It sees the machine's devices and firmware through mounts of its own, which end with it.
    """

    root: str
    argv: tuple[str, ...]
    why: str = ""
    timeout_s: int = 600

    @property
    def title(self) -> str:
        return f"run in {self.root}: {shlex.join(self.argv)}"

    def preview(self, facts: Facts) -> str:
        return f"$ chroot {self.root} {shlex.join(self.argv)}\n" + (f"  # {self.why}\n" if self.why else "")

    def inverse(self, facts: Facts) -> None:
        return None


@dataclass(frozen=True)
class SetPassword(Action):
    """Give root of the system mounted at `root` its password; `reference` says where the hash is (crypt(5)).

    The hash is fetched when it is needed and travels on standard input: it is in no plan and no report.
    """

    root: str
    reference: str

    @property
    def title(self) -> str:
        return f"set root's password in {self.root}"

    def preview(self, facts: Facts) -> str:
        return f"$ chroot {self.root} chpasswd --encrypted\n  # the hash comes from {self.reference}\n"

    def inverse(self, facts: Facts) -> None:
        return None
