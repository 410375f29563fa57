"""Signals that end a run, answered politely."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def answering(handler: Any, *wanted: signal.Signals) -> Iterator[None]:
    """Answer these signals so for a while; what was ignored stays ignored, and a thread hears none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [sig for sig in wanted if signal.getsignal(sig) is not signal.SIG_IGN]
    before = {sig: signal.signal(sig, handler) for sig in heard}
    try:
        yield
    finally:
        for sig, old in before.items():
            signal.signal(sig, old)
