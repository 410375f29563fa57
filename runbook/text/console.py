"""The way out to a terminal for what moves and has colours: rich's console and live lines, behind the gate."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.file_proxy import FileProxy
from rich.live import Live as RichLive
from rich.segment import Segment

from runbook.text.terminal import Guard, behind
from runbook.text.visible import visible


class _Visible(Console):
    """A console whose own control codes act, and nothing else that it is given."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class Live(RichLive):
    """Live lines; what others write meanwhile stands above them, and is guarded as before."""

    def start(self, refresh: bool = False) -> None:
        super().start(refresh)
        # rich would take colours, links and hidden text from what it redirects.
        for name in ("stdout", "stderr"):
            if isinstance(stream := getattr(sys, name), FileProxy):
                setattr(sys, name, cast(TextIO, Guard(cast(TextIO, stream))))


def make_console(**options: Any) -> Console:
    """Return a console on standard output. What it prints is text: it knows no markup, and nothing in it acts."""
    return _Visible(file=behind(sys.stdout), highlight=False, markup=False, emoji=False, **options)
