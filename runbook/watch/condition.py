"""What a look at a host finds, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.text.printable import printable


@dataclass(frozen=True)
class Condition:
    """One thing that is not well. Its `key` names the thing and not how bad it is: that may change and is not news."""

    key: str
    topic: str
    what: str
    """One sentence without numbers that would change at each look, where it can."""
    do: str
    """The next move."""

    @property
    def as_text(self) -> Condition:
        """The same without any character that acts: what a machine said is text, wherever it is shown."""
        return Condition(printable(self.key), self.topic, printable(self.what), printable(self.do))


@dataclass(frozen=True)
class Gauge:
    """One number for those who draw curves: a name of Prometheus', labels and a value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True)
class Look:
    """One look at a host."""

    host: str
    at: int
    """By the controller's clock, in seconds since 1970."""
    known: frozenset[str]
    """The topics that could be looked at. Of the others nobody knows whether they are well, or became so."""
    conditions: tuple[Condition, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    possible: frozenset[str] | None = None
    """All topics that a look at this host may have, known now or not; None for no limit. Of others nobody looks any more."""
    unknown: tuple[tuple[str, str], ...] = ()
    """The topics that could not be looked at, each with the reason."""
