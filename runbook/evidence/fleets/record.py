"""How a fleet run stands: what `fleet.json` holds, as values."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.controller.locks import locked
from runbook.engine.journal import now
from runbook.errors import ParamsError
from runbook.evidence.outcomes import INTERRUPTED, KERNEL_DIED

FORMAT = 1
FOLDER = "fleet"
"""Where reports of fleets lie, beside those of hosts: no host of a fleet can have this name."""
FILE = "fleet.json"
CLAIMS, STOP = "claims", "stop"
"""In a fleet run's folder: which hosts were begun, and how often somebody asked it to stop."""
WORST_FIRST = (INTERRUPTED, KERNEL_DIED, 1, 6, 7, 5, 2, 3, 4)
"""Exit codes of hosts, the worst first: that of the fleet is the first that any host has."""


@dataclass
class HostState:
    """One host. `state`: never-run, running, completed, refused, failed, timed-out or killed."""

    host: str
    params: str
    digest: str
    state: str = "never-run"
    exit_code: int | None = None
    report: str = ""
    """Its report's folder, seen from the folder of all reports; '' when it has none."""
    notebook: str = ""
    step: str = ""
    message: str = ""
    """Why it did not complete, in its own words."""
    started: str | None = None
    seconds: float | None = None
    earlier: str = ""
    """The fleet run in which it completed, when this one only resumes that."""


@dataclass
class FleetRecord:
    """One fleet run. `outcome`: running, completed, failed, stopped (by --max-failures), interrupted, or
    killed: its parent died."""

    id: str
    asked: dict[str, Any]
    """What was asked for: mode, only, start, strict, parallel, serial, max_failures, scheduler."""
    hosts: list[HostState]
    resumes: str = ""
    started: str = field(default_factory=now)
    ended: str | None = None
    seconds: float | None = None
    outcome: str = "running"
    exit_code: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of `fleet.json`."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> FleetRecord:
        """Return the record that `as_dict` gave. Raises `TypeError` or `KeyError` for anything else."""
        known = {f.name: content[f.name] for f in fields(cls)}
        return cls(**{**known, "hosts": [HostState(**host) for host in content["hosts"]]})

    @property
    def unfinished(self) -> list[HostState]:
        """The hosts that did not complete, in order."""
        return [host for host in self.hosts if host.state != "completed"]

    def worst(self) -> int:
        """Return the exit code of the host that ended worst, 0 when all that ran completed.

        >>> FleetRecord("", {}, [HostState("a", "", "", exit_code=c) for c in (0, 3, 1, None)]).worst()
        1
        """
        codes = {host.exit_code for host in self.hosts} - {0, None}
        return next((code for code in WORST_FIRST if code in codes), 1 if codes else 0)


def new_id() -> str:
    """Return a name for a fleet run that sorts by time, also within a second, and is not that of a host's run."""
    begun = datetime.now(UTC)
    return f"{begun:%Y%m%dT%H%M%S}.{begun.microsecond // 1000:03}Z-fleet-{secrets.token_hex(3)}"


def last(reports: Path, mode: str = "") -> FleetRecord:
    """Return the newest fleet run, or the newest in a mode. Raises `ParamsError` when there is none, or when it is still under way."""
    others = ""
    for path in sorted((reports / FOLDER).glob(f"*/{FILE}"), reverse=True):
        try:
            record = FleetRecord.from_dict(plain.read_json(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ParamsError("The last fleet run cannot be read", where=str(path), why=repr(error)) from None
        if mode and record.asked.get("mode") != mode:
            others = others or f"the last one was in mode {record.asked.get('mode')}"
            continue
        with locked(path.parent, wait=False) as is_mine:
            if not is_mine:
                raise ParamsError(
                    "The last fleet run is still under way",
                    where=str(path.parent),
                    do="wait for its end, or end it with Ctrl-C where it runs",
                )
        return record
    raise ParamsError(
        f"There is no fleet run{f' in mode {mode}' if mode else ''} to resume",
        where=str(reports / FOLDER),
        why=others,
        do="say the mode of the one to go on with, or begin one: leave out --resume",
    )
