"""The last lines of a running command, while it runs."""

from __future__ import annotations

import sys
import time
from collections import deque

from runbook.redaction import KNOWN
from runbook.show.pieces import Shown, code


class Live:
    """Shows what a step is doing right now in one display that renews itself at most once a second.

    On a recorded host nothing takes time, so nothing is shown and outputs stay the same to the byte.
    """

    def __init__(self, *, is_real: bool) -> None:
        self._is_on = is_real and "ipykernel" in sys.modules
        self._title = ""
        self._lines: deque[str] = deque(maxlen=5)
        self._handle: object | None = None
        self._shown_at = 0.0

    def begin(self, title: str) -> None:
        """Start showing another action."""
        self._title = title
        self._lines.clear()
        self._show(now=True)

    def line(self, text: str) -> None:
        """Take one line of output."""
        self._lines.append(KNOWN.text(text)[:200])  # half a secret would not be known as one
        self._show()

    def end(self, shown: Shown) -> None:
        """Put the result where the running lines were."""
        from IPython.display import display

        if self._handle is None:
            display(shown)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)  # type: ignore[attr-defined]
            self._handle = None

    def _show(self, *, now: bool = False) -> None:
        if not self._is_on or (not now and time.monotonic() - self._shown_at < 1):
            return
        from IPython.display import display

        self._shown_at = time.monotonic()
        text = "\n".join([f"… {self._title}", *self._lines])
        shown = Shown(code(text), text)
        if self._handle is None:
            self._handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)  # type: ignore[attr-defined]
