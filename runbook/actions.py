"""The things a plan can hold: frozen values that can show, and undo, what they will do.

Each has `title` (one line), `preview(facts)` (what would change, as text) and
`inverse(facts)` (the action that returns to what was there before, None when there is no
way back and the title says so). Carrying out is `runbook.apply`'s work alone.
"""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass

from runbook.ask import Facts


@dataclass(frozen=True)
class WriteFile:
    """Write a whole text file, atomically; `check` is an argv that must accept the new file first.

    `check` is run with the path of the temporary file appended, before it is moved in place
    (H643: a broken sudoers file locks everybody out).
    """

    path: str
    content: str
    mode: str = "0644"
    owner: str = "root:root"
    check: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"write {self.path}"

    def preview(self, facts: Facts) -> str:
        """Return a unified diff against the file as it is."""
        before = facts.text(self.path)
        old = "/dev/null" if before is None else self.path
        return "".join(
            line if line.endswith("\n") else line + "\n"
            for line in difflib.unified_diff(
                (before or "").splitlines(keepends=True),
                self.content.splitlines(keepends=True),
                old,
                self.path,
            )
        )

    def inverse(self, facts: Facts) -> WriteFile | Remove:
        before = facts.text(self.path)
        if before is None:
            return Remove(self.path)
        return WriteFile(self.path, before, self.mode, self.owner)


@dataclass(frozen=True)
class Remove:
    """Remove one file or symbolic link. A directory is never removed."""

    path: str

    @property
    def title(self) -> str:
        return f"remove {self.path}"

    def preview(self, facts: Facts) -> str:
        return f"- {self.path}\n"

    def inverse(self, facts: Facts) -> WriteFile | None:
        before = facts.text(self.path)
        return None if before is None else WriteFile(self.path, before)


@dataclass(frozen=True)
class Link:
    """Make a symbolic link (`ln -sfn`)."""

    path: str
    target: str

    @property
    def title(self) -> str:
        return f"link {self.path} -> {self.target}"

    def preview(self, facts: Facts) -> str:
        return f"+ {self.path} -> {self.target}\n"

    def inverse(self, facts: Facts) -> Remove:
        return Remove(self.path)


@dataclass(frozen=True)
class Run:
    """Run one command. `why` is for the reader; `undo` is the argv of the way back, () when none is needed."""

    argv: tuple[str, ...]
    why: str = ""
    timeout_s: int = 600
    undo: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"run {shlex.join(self.argv)}"

    def preview(self, facts: Facts) -> str:
        return f"$ {shlex.join(self.argv)}\n" + (f"  # {self.why}\n" if self.why else "")

    def inverse(self, facts: Facts) -> Run | None:
        return Run(self.undo, f"undo: {shlex.join(self.argv)}") if self.undo else None


@dataclass(frozen=True)
class InstallPackages:
    """Install packages and nothing that they only recommend. `delta` is what apt said it would do."""

    names: tuple[str, ...]
    delta: tuple[str, ...] = ()
    timeout_s: int = 3600

    @property
    def title(self) -> str:
        return f"install {len(self.delta) or len(self.names)} packages"

    def preview(self, facts: Facts) -> str:
        lines = [f"$ apt-get install --no-install-recommends {' '.join(self.names)}"]
        return "\n".join([*lines, *(f"+ {line}" for line in self.delta)]) + "\n"

    def inverse(self, facts: Facts) -> Run:
        new = tuple(line.split()[0] for line in self.delta)
        return Run(("apt-get", "-qq", "-y", "purge", *new), "the packages that were new")


@dataclass(frozen=True)
class Reboot:
    """Restart the host and wait until it answers again with a new boot id."""

    into: str
    wait_s: int = 900

    @property
    def title(self) -> str:
        return f"reboot into {self.into}"

    def preview(self, facts: Facts) -> str:
        return f"$ systemctl reboot\n  # waits at most {self.wait_s} s for the host to answer again\n"

    def inverse(self, facts: Facts) -> None:
        return None


@dataclass(frozen=True)
class ReplaceNetwork:
    """Put a new /etc/network/interfaces in force with an automatic way back.

    A timer on the host restores the old file and brings it up after `revert_s` seconds unless
    a *new* connection reached the host and stopped the timer (facts §6.6).
    """

    content: str
    revert_s: int = 120
    path: str = "/etc/network/interfaces"

    @property
    def kept(self) -> str:
        """The old file's copy. While it is there, the new configuration was not confirmed."""
        return f"{self.path}.xen-runbook-old"

    @property
    def title(self) -> str:
        return f"replace {self.path}, with the old one back after {self.revert_s} s unless confirmed"

    def preview(self, facts: Facts) -> str:
        return WriteFile(self.path, self.content).preview(facts)

    def inverse(self, facts: Facts) -> ReplaceNetwork:
        return ReplaceNetwork(facts.text(self.path) or "", self.revert_s, self.path)
