"""What could cut the very connection that it comes over: switched with an automatic way back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from runbook.actions.commands import Run
from runbook.actions.files import WriteFile
from runbook.model.action import Action, Left
from runbook.model.ask import Facts


@dataclass(frozen=True)
class Switch(Action):
    """Put a new file in force that could cut this very connection, with an automatic way back.

    A timer on the host brings the old file back after `revert_s` seconds unless a *new* connection
    reached the host and stopped the timer. The shell lines run on the host.
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
    pause_s: int = 0
    """So long after it was armed it is switched; what cuts connections that are open lets the answer out first."""
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

    @property
    def leaves(self) -> tuple[Left, ...]:
        return (Left.file(self.path, self.content),)

    def preview(self, facts: Facts) -> str:
        return WriteFile(self.path, self.content).preview(facts)

    def inverse(self, facts: Facts) -> Switch | Run:
        before = facts.text(self.path)
        if before is None:
            steps = (self.leave, f"rm -f -- {shlex.quote(self.path)}", self.back or self.enter)
            return Run(("sh", "-c", "; ".join(step for step in steps if step)), f"undo: {self.title}")
        return replace(self, content=before, is_new=False, enter=self.back or self.enter)
