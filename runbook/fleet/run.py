"""A fleet run: who is next, when to stop, and how each host stands."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

from runbook.controller.atomic import write_atomic
from runbook.controller.locks import locked
from runbook.controller.signals import Stops, watching
from runbook.engine.journal import now
from runbook.errors import RunbookError
from runbook.evidence import archive
from runbook.evidence.fleets.page import fleet_page
from runbook.evidence.fleets.record import CLAIMS, FILE, FOLDER, FleetRecord, HostState, new_id
from runbook.evidence.outcomes import INTERRUPTED
from runbook.evidence.record import Event
from runbook.fleet.batches import batches, sizes
from runbook.fleet.executors import Workers, end_of, workers
from runbook.fleet.job import TICK_S, Ended, Job, give_up, request_stop
from runbook.fleet.request import FleetRequest, FleetRun
from runbook.fleet.sealed import seal

OnEvent = Callable[[HostState | None, Event], None]
"""Hears an event of a host; None for one of the whole fleet: `interrupt`, `enough` and `no-worker`."""

Running = dict[Future[Ended], HostState]
PAGE_S = 5.0


def run_fleet(
    request: FleetRequest,
    hosts: Sequence[HostState],
    reports: Path,
    on_event: OnEvent,
    *,
    resumes: str = "",
    command: tuple[str, ...] = (),
) -> FleetRun:
    """Return how a fleet run ended; its report is in `reports/fleet/<id>/`.

    `hosts` that completed in the run that this one `resumes` are not run again. `command` is the program that
    runs one host. Whatever happens to a host, and Ctrl-C, comes back in the record.

    Raises `ParamsError` or `HostError` before anything starts, `RunbookError` when the report cannot be written.
    """
    wanted = sizes(request.serial)
    record = FleetRecord(new_id(), asdict(request), list(hosts), resumes)
    folder = reports.absolute() / FOLDER / record.id
    # A signal is only noted, and everything that begins asks for it; before the first folder it ends the command.
    with watching() as stops, workers(request.parallel, request.scheduler, record.id, stops) as found:
        stops.go_on()
        with stops.deferred(), ExitStack() as held:
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                with locked(folder.parent):  # who looks for folders of dead ones waits until this one is held
                    (folder / CLAIMS).mkdir(parents=True)
                    held.enter_context(locked(folder, wait=False))
                seal(folder, record)
            except OSError as error:
                raise _unwritable(folder, error) from error
            _Fleet(record, folder, request, on_event, command, stops).run(found, wanted)
    return FleetRun(folder, record)


class _Fleet:
    """One fleet run under way."""

    def __init__(
        self,
        record: FleetRecord,
        folder: Path,
        request: FleetRequest,
        on_event: OnEvent,
        command: tuple[str, ...],
        stops: Stops,
    ) -> None:
        self.record, self.folder, self.request, self._stops = record, folder, request, stops
        self._on_event: OnEvent | None = on_event
        self._command = command
        self._paged = 0.0
        self._by_name = {host.host: host for host in record.hosts}
        self._workers: dict[str, str | None] = {}
        self._is_alone = False
        self._failures = self._announced = self._passed_on = 0

    def run(self, found: Workers, wanted: Sequence[str]) -> None:
        began = time.monotonic()
        self._save(is_due=True)
        try:
            for batch in batches(self.record.unfinished, wanted):
                if self._is_enough:
                    break
                self._batch(batch, found)
                if wanted and not self._is_enough and self._has_waiting and _all_bad(batch):
                    self._tell(None, {"event": "enough", "failures": self._failures})
                    break
        except BaseException:
            request_stop(self.folder)
            raise
        self._close(began)

    @property
    def _is_enough(self) -> bool:
        return bool(self._stops.requests or 0 < self.request.max_failures <= self._failures)

    @property
    def _has_waiting(self) -> bool:
        return any(host.state == "never-run" for host in self.record.hosts)

    def _batch(self, hosts: Sequence[HostState], found: Workers) -> None:
        waiting = deque(hosts)
        running: Running = {}
        while running or (waiting and not self._is_enough):
            while waiting and len(running) < found.parallel and not self._is_enough:
                host = waiting.popleft()
                running[found.begin(self._job(host))] = host
            done, _ = wait(running, TICK_S, FIRST_COMPLETED)
            self._report_stops()
            for name, event in found.events():
                self._hear(self._by_name[name], event)
            for future in done:
                self._end(running.pop(future), end_of(future))
            if (present := found.present()) is not None:
                self._drop_lost_workers(running, present)

    def _drop_lost_workers(self, running: Running, present: Collection[str]) -> None:
        """End the hosts of workers that are gone; without any worker wait for one until somebody wants to stop."""
        nobody = not present and bool(running)
        if nobody and not self._is_alone:
            self._tell(None, {"event": "no-worker", "hosts": len(running)})
        self._is_alone = nobody
        for future, host in list(running.items()):
            at = self._workers.get(host.host)
            is_gone = at is not None and at not in present
            if is_gone or self._stops.requests > (0 if nobody else 2):
                future.cancel()
                self._end(running.pop(future), give_up(self._job(host)))

    def _job(self, host: HostState) -> Job:
        request = self.request
        return Job(
            host.host, host.params, host.digest, request.mode, str(self.folder.parents[1]), str(self.folder),
            str(Path.cwd()), request.only, request.start, request.strict, self._command,
        )  # fmt: skip

    def _hear(self, host: HostState, event: Event) -> None:
        if host.exit_code is not None:  # from a cluster, events may come after the end
            return
        match event["event"]:
            case "host-begin":
                host.state, host.started = "running", now()
                self._workers[host.host] = event.get("address")
                self._save()
            case "notebook-begin":
                host.notebook, host.step = event["notebook"], ""
            case "step-begin":
                host.step = event["step"]
        self._tell(host, event)

    def _end(self, host: HostState, end: Ended) -> None:
        host.state, host.exit_code, host.report = end.state, end.exit_code, end.report
        host.message, host.seconds = end.message, end.seconds
        if end.state == "completed":
            host.notebook = host.step = ""
        else:
            self._failures += 1
        self._save()
        self._tell(host, {"event": "host-end"})
        if (
            self.request.max_failures == self._failures
            and end.state != "completed"
            and not self._stops.requests
        ):
            self._tell(None, {"event": "enough", "failures": self._failures})

    def _report_stops(self) -> None:
        """Show the requests to stop, and pass them on to the workers of a cluster, which see only this folder."""
        while self._announced < self._stops.requests:
            self._announced += 1
            self._tell(None, {"event": "interrupt", "times": self._announced})
        with suppress(OSError):  # a full disk: again at the next tick
            while self._passed_on < self._announced:
                request_stop(self.folder)
                self._passed_on += 1

    def _tell(self, host: HostState | None, event: Event) -> None:
        """Tell the listener; one that fails (a closed terminal) is not told again, and stops nothing."""
        if self._on_event is not None:
            try:
                self._on_event(host, event)
            except Exception:
                self._on_event = None

    def _close(self, began: float) -> None:
        record = self.record
        if self._stops.requests:
            record.outcome, record.exit_code = "interrupted", INTERRUPTED
        else:
            bad = "stopped" if self._has_waiting else "failed"
            record.outcome = bad if record.unfinished else "completed"
            record.exit_code = record.worst()
        self._stops.answer()  # the last word is said; what comes now changes it no more
        record.ended, record.seconds = now(), round(time.monotonic() - began, 3)
        self._save(is_due=True)

    def _save(self, *, is_due: bool = False) -> None:
        """Write `fleet.json`, and the page when it is due: it costs more, and many hosts change it often."""
        content = self.record.as_dict()
        try:
            if is_due or time.monotonic() - self._paged > PAGE_S:
                write_atomic(self.folder / "index.html", fleet_page(content))
                self._paged = time.monotonic()
            write_atomic(self.folder / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            if self.record.ended:
                archive.refresh(self.folder.parents[1])  # the page that leads here
        except OSError as error:
            raise _unwritable(self.folder, error) from error


def _all_bad(batch: Sequence[HostState]) -> bool:
    """Return whether a batch showed only that it goes wrong: then the next one is not begun, whatever may fail."""
    return not any(host.state == "completed" for host in batch)


def _unwritable(folder: Path, error: OSError) -> RunbookError:
    return RunbookError(
        "The fleet's report cannot be written",
        where=str(folder),
        why=error.strerror or str(error),
        do="free some space or choose another folder with --reports; hosts that were begun have their own reports",
    )
