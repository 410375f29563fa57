"""The things a plan can hold: frozen values that can show, and undo, what they will do.

Each has `title` (one line), `preview(facts)` (what would change, as text) and
`inverse(facts)` (the action that returns to what was there before, None when there is no
way back and the title says so). Carrying out is `runbook.apply`'s work alone.
"""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runbook.ask import Facts

if TYPE_CHECKING:
    from runbook.builds.recipe import Recipe


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

    def inverse(self, facts: Facts) -> Run | None:
        new = tuple(line.split()[0] for line in self.delta)
        purge = ("apt-get", "-qq", "-y", "purge", *new)
        return Run(purge, "the packages that were new", self.timeout_s) if new else None


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

    def inverse(self, facts: Facts) -> Reboot:
        return Reboot("the default of the menu, as it is then", self.wait_s)


@dataclass(frozen=True)
class Switch:
    """Put a new file in force that could cut this very connection, with an automatic way back.

    A timer on the host brings the old file back after `revert_s` seconds unless a *new* connection
    reached the host and stopped the timer (facts §6.6). The shell lines run on the host.
    """

    what: str
    """One word for what is switched, such as `network`; the timer is named after it."""
    path: str
    content: str
    enter: str
    """Shell that puts the file at `path` in force."""
    leave: str = ""
    """Shell that takes the file at `path` out of force first, '' when that needs nothing."""
    back: str = ""
    """Shell that puts the old file in force again, when that is not `enter`."""
    revert_s: int = 120
    is_new: bool = False
    """True when there is no old file: then the way back removes the new one."""
    check: tuple[str, ...] = ()
    """An argv that must accept the new file, whose path is appended, before anything is switched."""
    doubt: str = ""
    """The next move when the new file cut the connection."""

    @property
    def kept(self) -> str:
        """The old file's copy. While it is there, the new file was not confirmed."""
        return f"{self.path}.xen-runbook-old"

    @property
    def title(self) -> str:
        return f"replace {self.path}, with the old one back after {self.revert_s} s unless confirmed"

    def preview(self, facts: Facts) -> str:
        return WriteFile(self.path, self.content).preview(facts)

    def inverse(self, facts: Facts) -> Switch | Run:
        before = facts.text(self.path)
        if before is None:
            steps = (self.leave, f"rm -f -- {shlex.quote(self.path)}", self.back or self.enter)
            return Run(("sh", "-c", "; ".join(step for step in steps if step)), f"undo: {self.title}")
        return replace(self, content=before, is_new=False)


@dataclass(frozen=True)
class ReplaceNetwork:
    """Put a new /etc/network/interfaces in force with an automatic way back: a `Switch` of the network."""

    content: str
    revert_s: int = 120
    path: str = "/etc/network/interfaces"

    @property
    def switch(self) -> Switch:
        """What is carried out."""
        return Switch(
            "network",
            self.path,
            self.content,
            enter="systemctl restart networking",
            leave="ifdown --force -a --exclude=lo",
            revert_s=self.revert_s,
            doubt="compare network.bridges in the parameters with `ip link` on the host, then run again",
        )

    @property
    def kept(self) -> str:
        """The old file's copy. While it is there, the new configuration was not confirmed."""
        return self.switch.kept

    @property
    def title(self) -> str:
        return self.switch.title

    def preview(self, facts: Facts) -> str:
        return self.switch.preview(facts)

    def inverse(self, facts: Facts) -> ReplaceNetwork:
        return ReplaceNetwork(facts.text(self.path) or "", self.revert_s, self.path)


@dataclass(frozen=True)
class WritePartitionTable:
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
class RunIn:
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
class SetPassword:
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


@dataclass(frozen=True)
class Deliver:
    """Build packages in a clean root on the controller, or take the kept ones, and copy them to the host.

    Its whole effect on the host is the folder. A replay never builds (`Host.put`).
    """

    recipe: Recipe
    folder: str
    """The folder on the host; what was in it is replaced."""
    wanted: tuple[str, ...] = ("*.deb",)
    """Which of the built files are copied."""
    jobs: int | None = None

    @property
    def manifest(self) -> str:
        """The file that says, on the host, what lies in the folder. It is written last."""
        return f"{self.folder}/manifest.json"

    @property
    def title(self) -> str:
        return f"build {self.recipe.key} in a clean root, and copy it to {self.folder}"

    def preview(self, facts: Facts) -> str:
        """Return the recipe: what is in the clean root, and the script; long inputs by their size."""
        lines = [f"# in a clean root of Debian {self.recipe.release}, on the controller, with:"]
        lines += [f"+ {name}" for name in self.recipe.packages]
        for name, text in self.recipe.files:
            count = text.count("\n")
            lines += (
                [f"< {name}: {count} lines"] if count > 30 else [f"< {name}: {x}" for x in text.splitlines()]
            )
        lines += [f"< {source.path}, SHA-256 {source.sha256}" for source in self.recipe.sources]
        lines += [f"$ {x}" for x in (self.recipe.fetch + "\n" + self.recipe.script).splitlines() if x]
        return "\n".join([*lines, f"# then copied to the host: {' '.join(self.wanted)}"]) + "\n"

    def inverse(self, facts: Facts) -> Run:
        return Run(("rm", "-rf", "--", self.folder), "the packages that were copied")
