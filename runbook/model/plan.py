"""Plans and findings: what a step decides, as frozen values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from runbook.model.action import Action

Risk = Literal["safe", "disruptive", "destructive"]
Level = Literal["info", "warn", "loss", "wait", "fail", "refuse"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what to do about it.

    `level`: `info` and `warn` are shown; `loss` is what is in force and would not be afterwards, which is done
    only for those who agreed to this very plan; `wait` means an earlier step has to run first, which `after` names;
    `fail` and `refuse` stop the run. `source` names the manual page, guide section or fault
    number (H…) that the rule comes from.
    """

    level: Level
    what: str
    why: str = ""
    do: str = ""
    source: str = ""
    after: str = ""

    @property
    def stops(self) -> bool:
        """True when the run must not go on."""
        return self.level in ("wait", "fail", "refuse")


@dataclass(frozen=True)
class Plan:
    """What a step would do: actions in order (none when the host is already right) and findings.

    With a finding of level `wait` the actions are foreseen: what is known now of what will be done when the
    steps that they wait for have run. They are shown; nothing carries them out.
    """

    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    note: str = ""
    unasked: str = ""
    """The parameter that would ask for something here, as it is: `installation.method is none`; '' where something
    is asked for. A plan without actions then means that nothing was wanted, not that all is right."""

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings that keep the plan from being carried out."""
        return tuple(f for f in self.findings if f.stops)

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings that no earlier step takes away: carrying the plan out would be refused."""
        return tuple(f for f in self.stops if f.level != "wait")

    @property
    def losses(self) -> tuple[Finding, ...]:
        """What is in force and would not be after the plan: its digest is asked for, whatever the step's risk."""
        return tuple(f for f in self.findings if f.level == "loss")

    @property
    def after(self) -> tuple[str, ...]:
        """The steps that have to run first, each once; () for a plan that waits for none."""
        return tuple(dict.fromkeys(f.after or "an earlier step" for f in self.stops if f.level == "wait"))

    def digest(self) -> str:
        """Return 12 hex digits that change whenever anything that would be done, or lost, changes.

        What is foreseen never has the digest of what is then done: nobody agrees beforehand to a plan that is
        made of guesses.
        """
        lost = tuple(f.what for f in self.losses)
        done = (self.actions, lost) if lost else self.actions
        content = canonical(("foreseen", self.after, done) if self.after else done)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


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
