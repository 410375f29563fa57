"""When a fact was seen, and what ran then: a run sees its host before Xen and under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runbook.engine.journal import Line


@dataclass(frozen=True)
class Moment:
    """One moment of a host. `is_dom0` is None where nothing says whether Xen ran."""

    at: str
    """ISO 8601, UTC."""
    kernel: str = ""
    is_dom0: bool | None = None

    @property
    def ran(self) -> str:
        """What ran then, in words; '' when it is not known.

        >>> Moment("2026-01-01T00:00:00Z", "6.12.1-amd64", True).ran
        'under Xen, Linux 6.12.1-amd64'
        """
        if self.is_dom0 is None:
            return ""
        return f"{'under Xen' if self.is_dom0 else 'without Xen'}, Linux {self.kernel}"


def moment(lines: Sequence[Line], notebook: str, at: str) -> Moment:
    """Return the moment of something that a notebook showed at a time: what ran, as its last look before found it.

    A journal of an earlier version does not say what ran.
    """
    looks = [line for line in lines if line["event"] == "gather" and line.get("notebook") == notebook]
    before = [line for line in looks if _time(str(line["at"])) <= _time(at)] or looks[:1]
    if not before or "is_dom0" not in before[-1]:
        return Moment(at)
    return Moment(at, str(before[-1].get("kernel", "")), bool(before[-1]["is_dom0"]))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
