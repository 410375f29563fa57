"""A process that somebody wants forked, as it is asked for."""

from __future__ import annotations

import signal
from dataclasses import dataclass

STALE = "what was imported has changed on the disk"
MOST = 250_000
"""Bytes of a request; unix(7) takes no longer messages by default."""
MOST_HANDLES = 64


LATER = (signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Request:
    """A process that somebody wants: a function, and what it is to find around it."""

    target: str
    """`module:function`; called without arguments, it finds its own in `sys.argv`."""
    argv: list[str]
    cwd: str
    env: dict[str, str]
    handles: list[int]
    """The numbers under which the process finds its open files."""
    prepare: str = ""
    """`module:function`, called in the server before the first such process; '' for none."""
