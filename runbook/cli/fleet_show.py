"""What a person sees while a fleet runs: a table that is renewed on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from runbook.cli.progress import COLOURS, last_lines
from runbook.evidence.fleets.record import HostState
from runbook.evidence.record import Event
from runbook.text.console import Live
from runbook.text.moments import spent
from runbook.text.visible import visible

NO_WORKER = "No worker is there: {hosts} wait for one. Start a worker, or interrupt to end."
ENOUGH = "No other host is begun: {failures} did not complete. Those that run go on to their end."
INTERRUPT = {
    1: "Interrupting: no other host is begun, and each running step may tidy up for 20 s. Interrupt again to end them at once.",
    2: "Ending the running steps at once.",
    3: "Killing what still runs.",
}
ROWS = 40
"""Hosts in the live table; the rest is counted."""


class Quiet:
    """Shows nothing: for --quiet, and the shape of the others."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def event(self, host: HostState | None, event: Event) -> None:
        """Take one event of a host, or of the whole fleet."""


class PlainFleet(Quiet):
    """A line when a host or one of its notebooks begins, and one when the host ends."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def event(self, host: HostState | None, event: Event) -> None:
        line = fleet_line(event) if host is None else self._line(host, event)
        if line:
            print(line, file=self._out, flush=True)

    def _line(self, host: HostState, event: Event) -> str:
        match event["event"]:
            case "host-begin":
                return f"{host.host}: begins"
            case "notebook-begin":
                return f"{host.host}: {event['place']} {event['notebook']}"
            case "host-end":
                return ended(host)
        return ""


class LiveFleet(Quiet):
    """Hosts that ended stay on the screen; below them a table of those that run, renewed."""

    def __init__(self, console: Console, hosts: int) -> None:
        self._console, self._left = console, hosts
        self._running: dict[str, tuple[HostState, float]] = {}
        self._last: dict[str, str] = {}
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self.view)

    def __enter__(self) -> LiveFleet:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, host: HostState | None, event: Event) -> None:
        if host is None:
            self._console.print(Text(fleet_line(event), style="yellow"))
            return
        match event["event"]:
            case "host-begin":
                self._running[host.host] = host, time.monotonic()
                self._left -= 1
            case "output":
                for line in last_lines(event["text"]):
                    self._last[host.host] = visible(line)
            case "step-begin" | "notebook-begin":
                self._last.pop(host.host, None)
            case "host-end":
                self._running.pop(host.host, None)
                self._last.pop(host.host, None)
                self._console.print(Text(ended(host), style=COLOURS.get(host.state, "")))

    def view(self) -> Group:
        """Return the table as it stands now."""
        table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("host", "notebook", "step", "state", "for"):
            table.add_column(name, no_wrap=True)
        table.add_column("last line", no_wrap=True, overflow="ellipsis", ratio=1)
        rows = list(self._running.values())
        for host, began in rows[:ROWS]:
            took = spent(time.monotonic() - began)
            last = Text(self._last.get(host.host, ""), style="dim")
            table.add_row(host.host, host.notebook, host.step, host.state, took, last)
        more = f"{len(rows) - ROWS} more run, " if len(rows) > ROWS else ""
        return Group(table, Text(f"{more}{self._left} wait", style="dim"))


def ended(host: HostState) -> str:
    """Return in a line how a host ended."""
    why = ": ".join(host.message.splitlines()[:2])
    place = "" if why.startswith(host.notebook) else host.notebook
    took = f" in {spent(host.seconds)}" if host.seconds is not None else ""
    at = " · ".join(filter(None, (place, host.step)))
    return ": ".join(filter(None, (host.host, host.state + took, at, why)))


def fleet_line(event: Event) -> str:
    """Return the line of an event of the whole fleet."""
    if event["event"] == "interrupt":
        return INTERRUPT.get(event["times"], INTERRUPT[3])
    template = {"enough": ENOUGH, "no-worker": NO_WORKER}.get(event["event"], "")
    return template.format(**event)


def show_states(hosts: list[HostState]) -> None:
    """Print in what state each host is that did not complete."""
    for host in hosts:
        click.echo(f"  {ended(host)}")
        if host.report:
            click.echo(f"    {host.report}/index.html")
