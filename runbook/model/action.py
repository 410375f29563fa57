"""What every action can say of itself."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from runbook.model.ask import Facts


class Action(Protocol):
    """A frozen dataclass that says what it would do and how that is taken back. `runbook.engine.apply` carries it out."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def title(self) -> str:
        """What it does, in one line."""

    def preview(self, facts: Facts) -> str:
        """Return what would change on the host that answered so, as text that ends with a newline."""

    def inverse(self, facts: Facts) -> Action | None:
        """Return the action that leads back to what was there before; None when there is no way back, or none is needed."""
