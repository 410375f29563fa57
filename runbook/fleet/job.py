"""One host's run in a process of its own: started once, followed to its end, ended when somebody wants that.

Works the same in a thread here and on a worker of a cluster: what comes from outside comes through the fleet
run's folder, which both see.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from runbook.attestation.places import folder_of
from runbook.controller.private import temporary
from runbook.controller.signals import LIFELINE, Stops
from runbook.evidence.abandoned import finish_orphans
from runbook.evidence.archive import find_runs
from runbook.evidence.fleets.record import CLAIMS, STOP
from runbook.evidence.outcomes import INTERRUPTED, KERNEL_DIED
from runbook.evidence.record import Event
from runbook.fleet.process import Process, start
from runbook.hosts.control import LINE
from runbook.hosts.keyboard import ASKED
from runbook.hosts.password import HANDED

Tell = Callable[[Event], None]
TICK_S = 0.25
LET_GO_S = 5.0
"""How long the end of a runner is waited for, where another process still seems to hold its run."""
STOPS = (signal.SIGINT, signal.SIGINT, signal.SIGKILL)
"""What each request to stop sends: tidy up and end; end the step at once; and be gone."""
NOT_INHERITED = (
    "RUNBOOK_RUN_DIR", "RUNBOOK_NOTEBOOK", "RUNBOOK_PARAMS_DIGEST", "RUNBOOK_SECRETS", "RUNBOOK_RECORD", LIFELINE, LINE,
    HANDED, ASKED,
)  # fmt: skip
"""Variables that belong to one run of one host."""
CUT = 2000
LOST = "its worker was lost; it is not begun a second time unasked. Look at the host, then --resume"


@dataclass(frozen=True)
class Job:
    """One host's run, as it is given to whoever carries it out. All paths are absolute but `params`."""

    host: str
    params: str
    digest: str
    mode: str
    reports: str
    folder: str
    """The fleet run's own folder."""
    cwd: str
    only: str | None = None
    start: str | None = None
    strict: bool = False
    command: tuple[str, ...] = ()
    """The program that runs it; by default this Python with `runbook.fleet.child`."""


@dataclass(frozen=True)
class Ended:
    """How a host's run ended. `report` is its folder, seen from that of all reports; '' for none."""

    state: str
    exit_code: int
    report: str = ""
    message: str = ""
    seconds: float | None = None


def carry_out(job: Job, tell: Tell, stops: Stops | None = None) -> Ended:
    """Return how the one run of this job ended; `tell` hears its events while it lasts.

    `stops` are the requests to stop of this process, where it is the fleet's own: a worker elsewhere sees those in the folder.

    A job that was begun before, by whomever, is not begun again: an installation must not be repeated
    unasked, and a cluster gives the tasks of a lost worker to another one. Ends as `never-run` when somebody wants to
    stop before it begins.
    """
    folder = Path(job.folder)
    if _requests(folder, stops):
        return Ended("never-run", INTERRUPTED, message="interrupted before it began")
    if not _claimed(job):
        return _left_behind(job, LOST, time.monotonic())
    tell({"event": "host-begin", "worker": f"{os.uname().nodename} process {os.getpid()}"})
    own = Path(tempfile.mkdtemp(prefix="xr-fleet-", dir=temporary()))
    try:
        return _follow(job, own, tell, stops)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def give_up(job: Job) -> Ended:
    """Return the end of a job that nobody will carry out any more: `killed` if it was begun, else `never-run`.

    Afterwards nobody can begin it.
    """
    if not _claimed(job):
        return _left_behind(job, LOST, time.monotonic())
    return Ended("never-run", INTERRUPTED, message="no worker had taken it")


def _claimed(job: Job) -> bool:
    """Return whether the job was still free; it is ours then, and nobody else's any more."""
    try:
        (Path(job.folder) / CLAIMS / job.host).open("x").close()
    except FileExistsError:
        return False
    return True


def _requests(folder: Path, stops: Stops | None) -> int:
    """Return how often somebody asked this fleet run to stop."""
    try:
        noted = (folder / STOP).stat().st_size
    except FileNotFoundError:
        noted = 0
    return max(noted, stops.requests if stops else 0)


def request_stop(folder: Path) -> None:
    """Ask this fleet run to stop. Raises `OSError`."""
    with (folder / STOP).open("ab", buffering=0) as file:
        file.write(b".")


def _follow(job: Job, own: Path, tell: Tell, stops: Stops | None) -> Ended:
    began = time.monotonic()
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    env.update(JUPYTER_RUNTIME_DIR=str(own))
    end: Event = {}
    last_line = ""
    with start(job.command, json.dumps({**asdict(job), "sockets": str(own)}), env, job.cwd) as child:
        sent = 0
        for line in _lines(child, stops):
            while sent < min(_requests(Path(job.folder), stops), len(STOPS)):
                child.send_signal(STOPS[sent])
                sent += 1
            event = _event(line)
            if event is None:
                last_line = line[-CUT:].strip() or last_line
            elif event["event"] == "end":
                end = event
            else:
                tell(event)
        assert child.stdin is not None
        child.stdin.close()
        status = child.wait()
    if not end and status == -signal.SIGINT:  # as soon as it watches for signals, none kills it
        return Ended("never-run", INTERRUPTED, message="interrupted before it began", seconds=_since(began))
    if not end:
        why = f"by signal {-status}" if status < 0 else f"with {status}"
        return _left_behind(job, f"its process ended {why}" + (f": {last_line}" if last_line else ""), began)
    fields = {key: end[key] for key in ("state", "exit_code", "report", "message")}
    return Ended(**fields, seconds=_since(began))


def _lines(child: Process, stops: Stops | None) -> Iterator[str]:
    """Yield what a process says line by line, and '' now and then and as soon as somebody asks to stop, until it has ended."""
    assert child.stdout is not None
    handle, rest = child.stdout.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        if stops:
            selector.register(stops, selectors.EVENT_READ)
        while True:
            is_over = child.poll() is not None
            ready = {key.fileobj for key, _ in selector.select(0 if is_over else TICK_S)}
            if stops in ready:
                selector.unregister(stops)  # it stays readable; later requests wait for the tick
            data = os.read(handle, 65536) if handle in ready else None
            if data:
                *lines, rest = (rest + data).split(b"\n")
                rest = rest[-1_000_000:]  # a line without end must not fill the memory
                yield from (line.decode("utf-8", "replace") for line in lines)
            elif is_over:  # a process that it left behind may hold the pipe; it is not waited for
                yield rest.decode("utf-8", "replace")
                return
            elif data == b"":
                with suppress(subprocess.TimeoutExpired):
                    child.wait(TICK_S)
            yield ""


def _event(line: str) -> Event | None:
    if not line.startswith("{"):
        return None
    try:
        event: Event = json.loads(line)
    except ValueError:
        return None
    return event if "event" in event else None


def _left_behind(job: Job, text: str, began: float) -> Ended:
    """Return the end of a run whose runner died without a word, its report finished from its journal.

    A process that it was just starting has the runner's lock for a moment longer, so that is waited for.
    """
    reports, until = Path(job.reports), time.monotonic() + LET_GO_S
    while not (records := finish_orphans(reports, job.host)) and time.monotonic() < until:
        if not any(run["outcome"] == "running" for run in find_runs(reports, job.host)):
            break
        time.sleep(TICK_S)
    report = str(folder_of(reports, job.host, records[-1].id).relative_to(reports)) if records else ""
    return Ended("killed", KERNEL_DIED, report, text, _since(began))


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
