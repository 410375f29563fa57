"""Where a person is among the steps of a notebook: done, now, next and failed, in a bar that goes along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from runbook.show.live import LONG_S, is_live
from runbook.show.pieces import TINT, Shown
from runbook.text.html import escape
from runbook.text.moments import about
from runbook.text.plural import plural

NEVER, NOW = "never-run", "now"
_DONE, _SKIPPED = ("unchanged", "changed"), "skipped"
_MARKS = {"unchanged": "✓", "changed": "✓", _SKIPPED: "–", NOW: "▶"}
_NOTHING = Shown("", "")
_SEGMENT = "flex:1;text-align:center;min-width:1.2em;border-radius:4px;line-height:1.6;font-size:.8em"


class Bar:
    """The steps of one notebook, and which is the one at hand.

    In a notebook that a person has open it stands in the cell that was run last: each cell takes it from
    the one before. Elsewhere it is not shown, so that no run and no committed output has it.
    """

    def __init__(self, steps: Iterable[str], last_time: Callable[[], Mapping[str, float]]) -> None:
        """`last_time` says how many seconds each step took the last time; it is asked once, when somebody looks."""
        self._last_time = last_time
        self._ends = dict.fromkeys(steps, NEVER)
        self._handle: Any = None
        self._at = ""

    def go(self, step: str = "") -> None:
        """Stand at a step from now on, in the cell that runs."""
        self._at = step
        if not is_live():
            return
        from IPython.display import display

        if self._handle is not None:
            self._handle.update(_NOTHING)
        self._handle = display(self.shown(), display_id=True)  # type: ignore[no-untyped-call]

    def end(self, step: str, status: str) -> None:
        """Take how a step ended."""
        self._ends[step], self._at = status, ""
        if self._handle is not None:
            self._handle.update(self.shown())

    def shown(self) -> Shown:
        """Return the bar and what it says, as HTML and as text."""
        states = dict(self._ends)
        if states.get(self._at) == NEVER:
            states[self._at] = NOW
        return bar(states, self._times)

    def expected_s(self, step: str) -> float | None:
        """Return how many seconds a step took the last time on this host; None when that is not known, or nobody looks."""
        return self._times.get(step)

    @cached_property
    def _times(self) -> Mapping[str, float]:
        return self._last_time() if is_live() else {}


def bar(states: Mapping[str, str], times: Mapping[str, float]) -> Shown:
    """Return steps with how each ended (or `now`, or `never-run`) as a bar; `times` is how many seconds they took.

    >>> bar({"hide_devices": "changed", "set_boot_menu": "now", "boot_xen_once": "never-run"}, {}).text
    '1 of 3 steps done · now set_boot_menu · next boot_xen_once'
    """
    text = " · ".join(_parts(states, times))
    segments = "".join(_segment(name, state) for name, state in states.items())
    html = (
        f'<div class="runbook-bar" style="margin:.2em 0 .6em;max-width:60em"><div style="display:flex;gap:3px">{segments}</div>'
        f"<small>{escape(text)}</small></div>"
    )
    return Shown(html, text)


def _parts(states: Mapping[str, str], times: Mapping[str, float]) -> list[str]:
    """Return what the bar says: how many are done, what was skipped or went wrong, and what comes."""
    count = list(states.values())
    done = sum(state in _DONE for state in count)
    parts = [f"{done} of {plural(len(count), 'step')} done"]
    parts += [f"{skipped} skipped"] if (skipped := count.count(_SKIPPED)) else []
    wrong = [name for name, state in states.items() if state not in (*_MARKS, NEVER)]
    parts += [f"{name} {states[name]}: read why, then run it again" for name in wrong]
    parts += [f"now {name}{_expected(times.get(name))}" for name, state in states.items() if state == NOW]
    if not wrong:
        left = [name for name, state in states.items() if state == NEVER]
        parts += [f"next {name}{_expected(times.get(name))}" for name in left[:1]]
    return parts


def _expected(seconds: float | None) -> str:
    return "" if seconds is None or seconds < LONG_S else f" (about {about(seconds)})"


def _segment(name: str, state: str) -> str:
    tint = TINT.get(state, "128,128,128")
    ground = {NEVER: ".08", NOW: ".3"}.get(state, ".25")
    border = f"1px {'dashed' if state == NEVER else 'solid'} rgba({tint},.6)"
    mark = _MARKS.get(state, "&nbsp;" if state == NEVER else "✗")
    return (
        f'<span title="{escape(f"{name}: {state}")}" '
        f'style="{_SEGMENT};background:rgba({tint},{ground});border:{border}">{mark}</span>'
    )
