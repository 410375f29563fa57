"""Files: written whole, removed, linked."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from runbook.model.action import GONE, Action, Left
from runbook.model.ask import Facts


@dataclass(frozen=True)
class WriteFile(Action):
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

    @property
    def leaves(self) -> tuple[Left, ...]:
        return (Left.file(self.path, self.content),)

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
        return _as_it_was(self.path, before, facts, self.mode, self.owner)


@dataclass(frozen=True)
class Remove(Action):
    """Remove one file or symbolic link, whose target is `link`. A directory is never removed."""

    path: str
    link: str = ""

    @property
    def title(self) -> str:
        return f"remove {self.path}"

    @property
    def leaves(self) -> tuple[Left, ...]:
        return (Left(self.path, GONE),)

    def preview(self, facts: Facts) -> str:
        return f"- {self.path}\n"

    def inverse(self, facts: Facts) -> WriteFile | Link | None:
        if self.link:
            return Link(self.path, self.link)
        before = facts.text(self.path)
        return None if before is None else _as_it_was(self.path, before, facts)


@dataclass(frozen=True)
class Link(Action):
    """Make a symbolic link (`ln -sfn`), in place of the one that led to `before`."""

    path: str
    target: str
    before: str = ""

    @property
    def title(self) -> str:
        return f"link {self.path} -> {self.target}"

    @property
    def leaves(self) -> tuple[Left, ...]:
        return (Left(self.path, f"-> {self.target}"),)

    def preview(self, facts: Facts) -> str:
        return f"+ {self.path} -> {self.target}\n"

    def inverse(self, facts: Facts) -> Link | Remove:
        return Link(self.path, self.before) if self.before else Remove(self.path)


def _as_it_was(path: str, text: str, facts: Facts, mode: str = "0644", owner: str = "root:root") -> WriteFile:
    """Return the writing of a file as it is, with its mode and owner if they are known."""
    return WriteFile(path, text, *(facts.mode(path) or (mode, owner)))
