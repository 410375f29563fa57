"""What the tests of fleets begin with: a folder in which fake children live."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from runbook.evidence.fleets.record import HostState
from runbook.fleet.request import FleetRequest
from runbook.fleet.run import run_fleet

FAKE = (sys.executable, "-S", "-E", str(Path(__file__).with_name("fake.py")))
FAILS = {"end": {"state": "failed", "exit_code": 1, "message": "CheckFailed\nit is off"}}
#: A program that the tests start, not a module to look for tests in.
collect_ignore = ["fake.py"]


class Fleet:
    """A fleet of fake children in one folder."""

    def __init__(self, place: Path) -> None:
        self.place, self.events = place, []
        for name in ("wishes", "lives"):
            (place / name).mkdir()

    def wish(self, host: str, **wishes) -> None:
        (self.place / "wishes" / f"{host}.json").write_text(json.dumps(wishes))

    def run(self, *names: str, hosts=None, resumes="", hear=lambda host, event: None, **asked):
        """Return a fleet run of hosts of these names, or of `hosts`."""

        def on_event(host, event):
            self.events.append((host and host.host, event["event"]))
            hear(host, event)

        states = hosts or [HostState(name, f"{name}.yml", "d1") for name in names]
        return run_fleet(
            FleetRequest(**asked), states, self.place / "reports", on_event, resumes=resumes, command=FAKE
        )

    def life(self, host: str) -> list[dict]:
        """Return what a host's children left, [] when there was none."""
        file = self.place / "lives" / host
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """Return a fleet without hosts."""
    monkeypatch.chdir(tmp_path)
    return Fleet(tmp_path)


def states(done) -> dict[str, str]:
    """Return how each host ended."""
    return {host.host: host.state for host in done.record.hosts}
