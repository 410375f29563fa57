"""What of a look is news: told once when it comes, told once when it is well again. A pure function of what was known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runbook.text.plural import plural
from runbook.watch.condition import Condition, Look


@dataclass(frozen=True)
class Active:
    """A condition that was told, and since when it is so."""

    condition: Condition
    since: int


@dataclass(frozen=True)
class State:
    """What is known of a host between two looks."""

    host: str
    looked: int = 0
    """When it was last looked at, in seconds since 1970; 0 for never."""
    active: tuple[Active, ...] = ()
    drifted: int = 0
    """When all of it was last compared with the last good report."""
    unknown: tuple[tuple[str, str], ...] = ()
    """The topics that the last look could not look at, each with the reason."""

    @property
    def keys(self) -> frozenset[str]:
        """The keys of what is not well."""
        return frozenset(one.condition.key for one in self.active)


@dataclass(frozen=True)
class Message:
    """What one look has to tell: what came, and what is well again; never both empty."""

    host: str
    at: int
    came: tuple[Condition, ...]
    went: tuple[Active, ...]
    left: int
    """How many conditions there are now in all."""
    unlooked: frozenset[str] = frozenset()
    """The keys of what went because nobody looks at it any more, as the parameters are now."""

    @property
    def subject(self) -> str:
        """One line: the first thing, and how many more."""
        if self.came:
            more = len(self.came) - 1
            return f"{self.host}: {self.came[0].what}" + (f", and {more} more" if more else "")
        if not self.left and not self.unlooked:
            return f"{self.host}: well again"
        first = self.went[0].condition.what
        return f"{self.host}: no longer: {first}" + (
            f", and {len(self.went) - 1} more" if self.went[1:] else ""
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The message for people."""
        return (
            *(f"{one.what}. Next: {one.do}" for one in self.came),
            *(
                f"{self.end_of(one)}: {one.condition.what} (for {spell(self.at - one.since)})"
                for one in self.went
            ),
            f"Now {plural(self.left, 'thing')} not well."
            if self.left
            else "Now all that is looked at is well.",
        )

    def end_of(self, one: Active) -> str:
        """How one thing that went did so, as a message begins."""
        return "No longer looked at" if one.condition.key in self.unlooked else "Well again"


def follow(state: State, look: Look) -> tuple[State, Message | None]:
    """Return what is known after a look, and what it has to tell: None when nothing changed.

    A condition of a topic that could not be looked at stays what it was; one of a topic that is not looked at any more goes. A clock that went back counts for nothing.
    """
    found = {one.key: one for one in look.conditions}
    before = {one.condition.key: one for one in state.active}
    came = tuple(one for key, one in found.items() if key not in before)
    possible = look.possible
    unlooked = frozenset(
        key
        for key, one in before.items()
        if possible is not None and key not in found and one.condition.topic not in possible
    )
    went = tuple(
        one
        for key, one in before.items()
        if key in unlooked or (key not in found and one.condition.topic in look.known)
    )
    gone = {one.condition.key for one in went}
    stays = [
        replace(one, condition=found.get(key, one.condition))
        for key, one in before.items()
        if key not in gone
    ]
    active = (*stays, *(Active(one, look.at) for one in came))
    after = replace(state, host=look.host, looked=look.at, active=active, unknown=look.unknown)
    return after, Message(look.host, look.at, came, went, len(active), unlooked) if came or went else None


def spell(seconds: int) -> str:
    """Return a time as people say it.

    >>> spell(59), spell(7200), spell(200000), spell(-5)
    ('1 min', '2 h', '2 days', '1 min')
    """
    if seconds < 5400:
        return f"{max(round(seconds / 60), 1)} min"
    return f"{round(seconds / 3600)} h" if seconds < 172800 else f"{round(seconds / 86400)} days"
