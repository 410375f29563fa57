"""What a running step does, while it runs: its last lines, and how long it may still take."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from runbook.redaction import KNOWN
from runbook.show.pieces import Shown, code, folded
from runbook.show.tail import TAIL, OutputTail
from runbook.text.moments import about, spent

LONG_S = 5
"""From how many seconds on it is worth saying how long a step may take."""


def is_live() -> bool:
    """True in a notebook that a person has open; in a headless run nobody could use a widget."""
    is_headless = "RUNBOOK_RUN_DIR" in os.environ or "JPY_SESSION_NAME" not in os.environ
    return "ipykernel" in sys.modules and not is_headless


class Live:
    """Shows what a step is doing right now in one display that renews itself about once a second.

    Before a person the lines so far can be unfolded, and the time goes on while a command is silent.
    On a recorded host nothing takes time, so nothing is shown and outputs stay the same to the byte.
    """

    def __init__(self, *, is_real: bool, expected_s: float | None = None) -> None:
        """`expected_s` is how long the whole step may take, None when that is not known."""
        self._is_on = is_real and "ipykernel" in sys.modules
        self._expected_s = expected_s
        self._title = ""
        self._tail = OutputTail()
        self._widget: Any = None
        self._began = time.monotonic()
        self._shown_at = 0.0
        self._lock, self._is_over = threading.Lock(), threading.Event()

    def begin(self, title: str) -> None:
        """Start showing another action."""
        with self._lock:
            self._title, self._tail = title, OutputTail()
        self._show(at_once=True)

    def line(self, text: str) -> None:
        """Take one line of output."""
        with self._lock:
            self._tail.take(KNOWN.text(text))  # masked before it is cut: half a secret is not known as one
        self._show()

    def end(self, shown: Shown) -> None:
        """Put the result where the running lines were."""
        from IPython.display import display

        self._is_over.set()
        with self._lock:
            if self._widget is None:
                display(shown)  # type: ignore[no-untyped-call]
            else:
                self._widget.end(shown)
                self._widget = None

    def fail(self) -> None:
        """Leave the last that was said where the running lines were, folded."""
        if self._widget is None:
            return
        title = f"{self._title} was not finished"
        text = self._tail.last()
        html = folded(f"{title} ({self._tail.how_much()})", text) if text else f"<div>{code(title)}</div>"
        self.end(Shown(html, f"{title}\n{text}".rstrip()))

    def _show(self, *, at_once: bool = False) -> None:
        if not self._is_on or (not at_once and time.monotonic() - self._shown_at < 1):
            return
        with self._lock:
            if self._is_over.is_set():
                return
            self._shown_at = time.monotonic()
            if self._widget is None:
                self._widget = self._opened()
            head = f"… {self._title}{self._time() if is_live() else ''}"
            self._widget.show(head, self._tail)

    def _opened(self) -> Any:
        if not is_live():
            return _Display()
        from runbook.show.screen import Screen

        threading.Thread(target=self._tick, daemon=True).start()
        return Screen()

    def _tick(self) -> None:
        while not self._is_over.wait(1):
            self._show()

    def _time(self) -> str:
        """Return how long the step has taken, and how long it may still take."""
        gone = time.monotonic() - self._began
        elapsed = f" · {gone:.0f} s" if gone < 59.5 else f" · {spent(gone)}"
        if self._expected_s is None or self._expected_s < LONG_S:
            return elapsed
        left = self._expected_s - gone
        return elapsed + (f", about {about(left)} left" if left > 0 else
                       f", longer than the last time ({about(self._expected_s)})")  # fmt: skip


class _Display:
    """The last lines as a display: what a headless run keeps when it is killed in the middle."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, head: str, tail: OutputTail) -> None:
        text = f"{head}\n{tail.last(TAIL)}".rstrip("\n")
        self.end(Shown(code(text), text))

    def end(self, shown: Shown) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)
