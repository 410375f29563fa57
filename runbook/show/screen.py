"""The running lines as a widget, for a person: it can be unfolded while it is renewed, and stays unfolded."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from runbook.show.pieces import Shown, code
from runbook.show.tail import TAIL, OutputTail
from runbook.text.html import escape, widget

_MOST = 500


class Screen:
    """The head and the last lines of a command; below them, folded, the last 500 lines."""

    def __init__(self) -> None:
        from IPython.display import display

        self._head, self._tail, self._all = widget(), widget(), widget()
        self._fold = widgets.Accordion([self._all], titles=("Nothing was said yet",))
        self._widget = widgets.VBox([self._head, self._tail, self._fold])
        self._handle: Any = display(self._widget, display_id=True)  # type: ignore[no-untyped-call]

    def show(self, head: str, tail: OutputTail) -> None:
        """Show another head, and what was said."""
        self._head.value = f"<b>{escape(head)}</b>"
        self._tail.value = code(tail.last(TAIL))
        self._fold.titles = (f"Output so far ({tail.how_much(_MOST)})",)
        self._all.value = code(tail.last(_MOST))

    def end(self, shown: Shown) -> None:
        """Put the result where the widget was."""
        self._handle.update(shown)
        for part in (self._fold, self._widget, self._head, self._tail, self._all):
            part.close()
