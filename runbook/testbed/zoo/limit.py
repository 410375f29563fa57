"""A limit in time for one machine: what was not reached in it is neither held nor failed, and is called so."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from runbook.controller.signals import watching

NOT_REACHED = os.EX_TEMPFAIL
"""The exit code where a machine's time was over; 75, as in sysexits.h: nothing is known to be wrong, try again."""


@dataclass
class Limit:
    """How long a machine may take."""

    minutes: float
    """0 for as long as it takes."""
    is_over: bool = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Raise `KeyboardInterrupt` in here, or have a run end as one that somebody stopped, when the time is over."""
        if not self.minutes:
            yield
            return
        clock = threading.Timer(self.minutes * 60, self._over)
        clock.daemon = True
        with watching() as stops:
            try:
                with stops.interruptible():
                    clock.start()
                    yield
            finally:
                clock.cancel()
                if (
                    self.is_over
                ):  # what comes now, such as switching the machine off, is not to be stopped again
                    stops.answer()

    def _over(self) -> None:
        self.is_over = True
        os.kill(os.getpid(), signal.SIGTERM)
