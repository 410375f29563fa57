"""Which backups the keep rules keep, and why: a function of their dates and of what is known of them.

The host runs this very file by its timer (`runbook.backups.night`), so it needs nothing but Python's own library.
The rules count backups, never days that went by: where no new backup is made, none goes, whatever the clock says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

SLACK_S = 3600
"""A backup whose date is further in the future than this was made by a clock that was wrong, or is now."""


@dataclass(frozen=True)
class Rules:
    """How many are kept: of the newest, and of the newest of each day, week and month that has one."""

    last: int = 1
    daily: int = 0
    weekly: int = 0
    monthly: int = 0


@dataclass(frozen=True)
class Known:
    """One backup, as the rules see it."""

    name: str
    at: int
    """When it was begun, in seconds since 1970, by the clock of that moment."""
    is_verified: bool | None = True
    """True when all of it was read and was right, False when it was found broken, None when nobody has read it."""
    has_booted: bool | None = None
    """True when a guest started from it, False when one did not, None when nobody tried."""

    @property
    def is_good(self) -> bool:
        """True when it can be relied upon: read, right, and not known to start no guest."""
        return self.is_verified is True and self.has_booted is not False


def kept(backups: Iterable[Known], rules: Rules, moment: int) -> dict[str, tuple[str, ...]]:
    """Return the names of the backups of one guest that stay, each with the reasons; those not named may go.

    Good ones alone count for the rules, so a broken one takes nobody's place. Whatever the rules, these stay: the
    newest good one; the newest that a guest started from; one that nobody has read; one from the future; and a
    broken one while no good one is newer.

    >>> some = [Known("a", 86400), Known("b", 2 * 86400), Known("c", 3 * 86400, is_verified=False)]
    >>> kept(some, Rules(last=1), 3 * 86400)
    {'b': ('the newest good one', 'last 1'), 'c': ('broken, and no good one is newer',)}
    """
    newest_first = sorted(backups, key=lambda b: (b.at, b.name), reverse=True)
    good = [b for b in newest_first if b.is_good and b.at <= moment + SLACK_S]
    reasons: dict[str, list[str]] = {b.name: [] for b in newest_first}
    for backup in newest_first:
        if backup.at > moment + SLACK_S:
            reasons[backup.name].append("its date is in the future")
        if backup.is_verified is None:
            reasons[backup.name].append("nobody has read it")
        if not backup.is_good and backup.is_verified is not None and not _is_behind(backup, good):
            reasons[backup.name].append("broken, and no good one is newer")
    for backup in good[:1]:
        reasons[backup.name].append("the newest good one")
    for backup in [b for b in good if b.has_booted][:1]:
        reasons[backup.name].append("the newest that a guest started from")
    for number, backup in enumerate(good[: rules.last], 1):
        reasons[backup.name].append(f"last {number}")
    for kind, count, bucket in (
        ("daily", rules.daily, "%Y-%m-%d"),
        ("weekly", rules.weekly, "%G week %V"),
        ("monthly", rules.monthly, "%Y-%m"),
    ):
        for name, label in _newest_of_each(good, bucket)[:count]:
            reasons[name].append(f"{kind} {label}")
    return {b.name: tuple(reasons[b.name]) for b in reversed(newest_first) if reasons[b.name]}


def dropped(backups: Iterable[Known], rules: Rules, moment: int) -> tuple[str, ...]:
    """Return the names of the backups of one guest that may go, the oldest first."""
    some = sorted(backups, key=lambda b: (b.at, b.name))
    stay = kept(some, rules, moment)
    return tuple(b.name for b in some if b.name not in stay)


def _is_behind(backup: Known, good: list[Known]) -> bool:
    """Return whether a good backup is newer."""
    return any((one.at, one.name) > (backup.at, backup.name) for one in good)


def _newest_of_each(good: list[Known], bucket: str) -> list[tuple[str, str]]:
    """Return the newest of each day, week or month that has one, with its label, the newest first."""
    found: dict[str, str] = {}
    for backup in good:
        found.setdefault(datetime.fromtimestamp(backup.at, UTC).strftime(bucket), backup.name)
    return [(name, label) for label, name in found.items()]
