"""What every action can say of itself."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from runbook.model.ask import Facts

GONE = "gone"
"""The state of a path where nothing is."""


@dataclass(frozen=True)
class Left:
    """What an action leaves at a path: anything else that is found there later was made by someone else."""

    path: str
    state: str
    """The SHA-256 of a file, `-> TARGET` of a link, `gone` where nothing is."""
    content: str = ""
    """The text of a file; a secret in it may be masked."""

    @staticmethod
    def file(path: str, content: str) -> Left:
        """Return what is left by whatever writes a text to a file."""
        return Left(path, digest(content), content)


def digest(text: str) -> str:
    """Return the state of a file that holds this text."""
    return hashlib.sha256(text.encode()).hexdigest()


class Action(ABC):
    """A frozen dataclass that says what it would do and how that is taken back. `runbook.engine.apply` carries it out."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    @abstractmethod
    def title(self) -> str:
        """What it does, in one line."""

    @abstractmethod
    def preview(self, facts: Facts) -> str:
        """Return what would change on the host that answered so, as text that ends with a newline."""

    @abstractmethod
    def inverse(self, facts: Facts) -> Action | None:
        """Return the action that leads back to what was there before; None when there is no way back, or none is needed."""

    @property
    def leaves(self) -> tuple[Left, ...]:
        """What is at each path that it is about once it is done; () for an action that is about none."""
        return ()
