"""What a backup is called: its guest and the second in which it was begun."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_NAME = re.compile(r"(?P<guest>[a-z0-9][a-z0-9_-]*)-(?P<date>\d{8}T\d{6}Z)")


def is_name(text: str) -> bool:
    """True for the name of a backup.

    >>> is_name("windows-20261122T204155Z"), is_name(".windows-20261122T204155Z.partial")
    (True, False)
    """
    return _NAME.fullmatch(text) is not None


def guest_of(name: str) -> str:
    """Return whose backup it is, by its name.

    >>> guest_of("mail-server-20261122T204155Z")
    'mail-server'
    """
    match = _NAME.fullmatch(name)
    return match["guest"] if match else ""


def seconds(date: str) -> int:
    """Return the date of a sidecar as seconds since 1970, 0 when it is none.

    >>> seconds("20261122T204155Z")
    1795380115
    """
    try:
        return int(datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0


def date_of(moment: int) -> str:
    """Return seconds since 1970 as the date of a sidecar.

    >>> date_of(1795380115)
    '20261122T204155Z'
    """
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


def when(date: str) -> str:
    """Return the date of a sidecar for people.

    >>> when("20261122T204155Z")
    '2026-11-22 20:41:55 UTC'
    """
    return f"{date[:4]}-{date[4:6]}-{date[6:8]} {date[9:11]}:{date[11:13]}:{date[13:15]} UTC"
