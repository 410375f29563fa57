"""Moments and durations as people write them."""

from __future__ import annotations

from datetime import datetime


def when(iso: str) -> str:
    """Return a time as people write it.

    >>> when("2026-01-31T10:15:00.123Z")
    '31 Jan 2026, 10:15 UTC'
    """
    return f"{datetime.fromisoformat(iso):%-d %b %Y, %H:%M} UTC"


def spent(seconds: float | None) -> str:
    """Return a duration as people say it.

    >>> spent(0.04), spent(7.31), spent(75), spent(4000), spent(None)
    ('0.0 s', '7.3 s', '1 min 15 s', '1 h 06 min', '')
    """
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def about(seconds: float | None) -> str:
    """Return a time that is only guessed, without false precision.

    >>> about(0.4), about(7.31), about(48), about(75), about(4000), about(None)
    ('1 s', '7 s', '50 s', '1 min', '67 min', '')
    """
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds, -1):.0f} s" if seconds < 60 else f"{round(seconds / 60)} min"
