"""What a person sees while notebooks run: live lines on a terminal, plain ones elsewhere."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO, TypeVar

from rich.console import Console, Group
from rich.spinner import Spinner
from rich.text import Text

from runbook.cli.course import Course
from runbook.evidence.record import Event
from runbook.text.console import Live as RichLive
from runbook.text.moments import about, spent
from runbook.text.terminal import say
from runbook.text.visible import visible

T = TypeVar("T")
TAIL = 3
"""Lines of the running command that are shown."""
INTERRUPTING = "Interrupting: the step may tidy up for 20 s. Interrupt again to end it at once."
COLOURS = {
    "completed": "green",
    "unchanged": "green",
    "changed": "blue",
    "refused": "red",
    "failed": "red",
    "timed-out": "red",
    "killed": "red",
    "skipped": "dim",
    "never-run": "dim",
}


class Progress:
    """Shows nothing: for --quiet, and the shape of the others."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def event(self, event: Event) -> None:
        """Take one event of the run."""


class Plain(Progress):
    """One line when a notebook begins, one when a step or a notebook ends; no colours, no cursor movement."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._course = Course()

    def event(self, event: Event) -> None:
        self._course.event(event)
        if event["event"] == "run-begin" and self._course.whole_s is not None:
            say(f"It took about {about(self._course.whole_s)} the last time.", err=True)
        line = self._line(event)
        if line:
            print(line, file=self._out, flush=True)

    def _line(self, event: Event) -> str:
        match event["event"]:
            case "notebook-begin":
                return f"{event['place']} {event['notebook']}: {event['title']}"
            case "notebook-end":
                return f"{event['place']} {event['notebook']}: {_ended(event)}"
            case "step-end":
                return f"  {event['step']}: {_ended(event)}{_message(event)}"
            case "interrupt":
                return INTERRUPTING
        return ""


class Live(Progress):
    """Ended things stay on the screen; below them, renewed: what is running, its last lines, and how far the run is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._notebook = self._action = ""
        self._output: deque[str] = deque(maxlen=TAIL)
        self._course = Course()
        self._spinner = Spinner("dots")
        self._live = RichLive(
            console=console, refresh_per_second=8, transient=True, get_renderable=self._view
        )

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        show = self._console.print
        self._course.event(event)
        match event["event"]:
            case "notebook-begin":
                self._notebook = f"{event['place']} {event['notebook']}"
                self._begin("")
                title = f"{event['place']} {event['title']}"
                show(Text.assemble((title, "bold"), " ", (event["notebook"], "dim")))
            case "step-begin":
                self._begin("")
            case "action-begin":
                self._begin(visible(event["title"]))
            case "output":
                self._output.extend(map(visible, last_lines(event["text"])))
            case "step-end":
                took = f"{spent(event['seconds'])}{_message(event)}"
                show(Text.assemble("    ", _coloured(event), f" {event['step']} ", (took, "dim")))
                self._begin("")
            case "notebook-end":
                show(Text.assemble("  ", _coloured(event), " ", (spent(event["seconds"]), "dim")))
            case "interrupt":
                show(Text(INTERRUPTING, style="yellow"))

    def _begin(self, action: str) -> None:
        self._action = action
        self._output.clear()

    def _view(self) -> Group:
        course = self._course
        step = f"{course.step} {course.place}".strip()
        place = " › ".join(filter(None, (self._notebook, step, self._action))) or "starting"
        self._spinner.update(text=Text(f"{course.of_step()}  {place}", no_wrap=True, overflow="ellipsis"))
        lines: list[Any] = [self._spinner]
        for line in self._output:
            lines.append(Text(f"  │ {line}", style="dim", no_wrap=True, overflow="ellipsis"))
        if course.steps_in_all:
            lines.append(Text(f"  {course.of_run()}", style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*lines)


def last_lines(text: str) -> list[str]:
    """Return the last lines that say something, without terminal control codes.

    >>> last_lines("Get:1 xen\\n\\x1b[32mUnpacking xen\\x1b[0m\\r\\n\\n")
    ['Get:1 xen', 'Unpacking xen']
    """
    plain = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text)
    # What is written over, such as a counter, is no line of its own.
    lines = (line.rstrip("\r").rpartition("\r")[2].strip() for line in plain.split("\n"))
    return [line for line in lines if line][-TAIL:]


def make_progress(
    console: Console, out: TextIO, live: Callable[[Console], T], plain: Callable[[TextIO], T]
) -> T:
    """Return what shows progress: live where the terminal can do it, plain lines elsewhere."""
    return live(console) if console.is_terminal and not console.is_dumb_terminal else plain(out)


def _ended(event: Event) -> str:
    took = spent(event["seconds"])
    return f"{event['status']} in {took}" if took else str(event["status"])


def _message(event: Event) -> str:
    return f" ({event['message']})" if event.get("message") else ""


def _coloured(event: Event) -> tuple[str, str]:
    status = str(event["status"])
    return status, COLOURS.get(status, "default")
