"""The live table of a fleet on a terminal."""

import io

from rich.console import Console

from runbook.cli.fleet_show import LiveFleet
from runbook.evidence.fleets.record import HostState


def test_a_long_last_line_gives_way_to_where_a_host_is():
    """However much a host says, its name, notebook, step and state can be read; the line is cut."""
    console = Console(file=io.StringIO(), width=100)
    host = HostState("host001", "a.yml", "d1", "running", notebook="09_management", step="unmount_partitions")
    shown = LiveFleet(console, 1)
    for event in ({"event": "host-begin"}, {"event": "output", "text": "Unpacking part of it " * 20}):
        shown.event(host, event)
    console.print(shown.view())
    line = console.file.getvalue().splitlines()[1]
    assert line.split()[:4] == ["host001", "09_management", "unmount_partitions", "running"]
    assert line.rstrip().endswith("…")
