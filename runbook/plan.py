"""Plans and findings: what a step decides, as frozen values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from runbook.actions import Action

Risk = Literal["safe", "disruptive", "destructive"]
Level = Literal["info", "warn", "wait", "fail", "refuse"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what to do about it.

    `level`: `info` and `warn` are shown; `wait` means an earlier step has to run first;
    `fail` and `refuse` stop the run. `source` names the manual page, guide section or fault
    number (H…) that the rule comes from.
    """

    level: Level
    what: str
    why: str = ""
    do: str = ""
    source: str = ""

    @property
    def stops(self) -> bool:
        """True when the run must not go on."""
        return self.level in ("wait", "fail", "refuse")


@dataclass(frozen=True)
class Plan:
    """What a step would do: actions in order (none when the host is already right) and findings."""

    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    note: str = ""

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings that keep the plan from being carried out."""
        return tuple(f for f in self.findings if f.stops)

    def digest(self) -> str:
        """Return 12 hex digits that change whenever anything that would be done changes."""
        return hashlib.sha256(canonical(self.actions).encode()).hexdigest()[:12]


def canonical(value: Any) -> str:
    """Return one text for one value, whatever the process: the ground of digests.

    >>> canonical(("a", 1, None))
    "('a',1,None)"
    """
    if is_dataclass(value) and not isinstance(value, type):
        inner = ",".join(f"{f.name}={canonical(getattr(value, f.name))}" for f in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple | list):
        return "(" + ",".join(canonical(v) for v in value) + ")"
    return repr(value)
