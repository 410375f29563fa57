"""What a plan knows of an action that cannot be made yet."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.action import Action
from runbook.model.ask import Facts


@dataclass(frozen=True)
class Foreseen(Action):
    """An action as far as it is known, for a plan that waits: what it works on comes with an earlier step.

    It is shown and counted. Nothing can carry it out: the step makes the real action when it has the facts.
    """

    what: str
    """What it would do, in one line."""
    text: str
    """What is known of it: a diff, commands."""
    assumes: str
    """What is taken for granted until then."""

    @property
    def title(self) -> str:
        return self.what

    def preview(self, facts: Facts) -> str:
        return f"{self.text.rstrip()}\n# assumed: {self.assumes}\n"

    def inverse(self, facts: Facts) -> None:
        """Return None: it is never done."""
