"""Commands, packages, and a restart."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from runbook.model.action import Action
from runbook.model.ask import Facts
from runbook.text.plural import plural


@dataclass(frozen=True)
class Run(Action):
    """Run one command. `why` is for the reader; `undo` is the argv of the way back, () when none is needed.

    `again`: the command makes something from files (a boot menu, an initial RAM disk), so the way
    back runs it once more, after the files are back.
    """

    argv: tuple[str, ...]
    why: str = ""
    timeout_s: int = 600
    undo: tuple[str, ...] = ()
    again: bool = False

    @property
    def title(self) -> str:
        return f"run {shlex.join(self.argv)}"

    def preview(self, facts: Facts) -> str:
        return f"$ {shlex.join(self.argv)}\n" + (f"  # {self.why}\n" if self.why else "")

    def inverse(self, facts: Facts) -> Run | None:
        if self.again:
            return Run(self.argv, self.why, self.timeout_s, again=True)
        return Run(self.undo, f"undo: {shlex.join(self.argv)}", self.timeout_s) if self.undo else None


@dataclass(frozen=True)
class InstallPackages(Action):
    """Install packages and nothing that they only recommend. `delta` is what apt said it would do: `name version` for a
    new package, with the older version behind it for one that is there (`runbook.facts.packages.delta`).
    """

    names: tuple[str, ...]
    delta: tuple[str, ...] = ()
    timeout_s: int = 3600

    @property
    def title(self) -> str:
        return f"install {len(self.delta) or len(self.names)} packages"

    def preview(self, facts: Facts) -> str:
        lines = [f"$ apt-get install --no-install-recommends {' '.join(self.names)}"]
        return "\n".join([*lines, *(f"+ {line}" for line in self.delta)]) + "\n"

    def inverse(self, facts: Facts) -> PurgePackages | None:
        """Purge what was new. What was upgraded stays as it is: apt rarely still has the older version."""
        new = tuple(words[0] for line in self.delta if len(words := line.split()) <= 2)
        return PurgePackages(new, self.timeout_s) if new else None


@dataclass(frozen=True)
class PurgePackages(Action):
    """Purge packages with their configuration; those that are gone already are right.

    It fails, and removes nothing, when others would go with them: those came later, and somebody wanted them.
    """

    names: tuple[str, ...]
    timeout_s: int = 3600

    @property
    def title(self) -> str:
        return f"purge {plural(len(self.names), 'package')}"

    def preview(self, facts: Facts) -> str:
        return "\n".join(["$ apt-get purge", *(f"- {name}" for name in self.names)]) + "\n"

    def inverse(self, facts: Facts) -> None:
        """Return None: this is a way back itself."""


@dataclass(frozen=True)
class Reboot(Action):
    """Restart the host and wait until it answers again with a new boot id."""

    into: str
    wait_s: int = 900

    @property
    def title(self) -> str:
        return f"reboot into {self.into}"

    def preview(self, facts: Facts) -> str:
        return f"$ systemctl reboot\n  # waits at most {self.wait_s} s for the host to answer again\n"

    def inverse(self, facts: Facts) -> Reboot:
        return Reboot("the default of the menu, as it is then", self.wait_s)
