"""The one place where an executor is made: threads of this process that each watch a child, or a dask cluster."""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from runbook.controller.signals import Stops
from runbook.errors import HostError, ParamsError
from runbook.evidence.outcomes import KERNEL_DIED
from runbook.evidence.record import Event
from runbook.fleet.job import Ended, Job, carry_out


@dataclass
class Workers:
    """Where jobs are carried out. `parallel` is how many at a time."""

    executor: Executor
    parallel: int
    _work: Callable[[Job], Ended]
    _heard: queue.SimpleQueue[tuple[str, Event]]
    present: Callable[[], Collection[str] | None] = lambda: None
    """Addresses of the workers that are there now; None where that is not known, or they cannot be lost."""

    def begin(self, job: Job) -> Future[Ended]:
        """Return the job's end, to come."""
        return self.executor.submit(self._work, job)

    def events(self) -> Iterator[tuple[str, Event]]:
        """Yield host and event of all that was heard since the last call."""
        with suppress(queue.Empty):
            while True:
                yield self._heard.get_nowait()


def end_of(future: Future[Ended]) -> Ended:
    """Return how a job ended; one whose worker was lost is killed, and nobody begins it again.

    One that its worker could not begin has failed: nothing was done there.
    """
    try:
        return future.result()
    except (Exception, CancelledError) as error:
        text = f"{type(error).__name__}: {error}".strip(": ")[:500]
        if isinstance(error, CancelledError) or type(error).__name__ == "KilledWorker":
            return Ended("killed", KERNEL_DIED, message=f"its worker was lost. {text}")
        do = "is runbook installed there, and the project's folder at the same path, with room in it?"
        return Ended(
            "failed", HostError.exit_code, message=f"its worker could not begin it. {text}\n  do: {do}"
        )


@contextmanager
def workers(parallel: int, scheduler: str | None, topic: str, stops: Stops) -> Iterator[Workers]:
    """Lend workers: here, or those of the dask cluster at an address. Raises `ParamsError` or `HostError`.

    `parallel` is how many at a time; 0, of a cluster, as many as its workers have threads. Jobs that are carried out here
    see the requests to stop at once.
    """
    heard: queue.SimpleQueue[tuple[str, Event]] = queue.SimpleQueue()
    if scheduler:
        with _cluster(parallel, scheduler, topic, heard) as found:
            yield found
        return

    def work(job: Job) -> Ended:
        return carry_out(job, lambda event: heard.put((job.host, event)), stops)

    with ThreadPoolExecutor(parallel, thread_name_prefix="fleet") as executor:
        yield Workers(executor, parallel, work, heard)


@contextmanager
def _cluster(parallel: int, scheduler: str, topic: str, heard: Any) -> Iterator[Workers]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise ParamsError(
            "--scheduler needs dask.distributed, which is not installed",
            do="pip install -e '.[fleet]' in the project's folder, here and on every worker",
        ) from None
    try:
        client = distributed.Client(scheduler, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise HostError(
            "The dask cluster cannot be used", where=scheduler, why=str(error), do="is its scheduler running?"
        ) from None
    with client:
        client.subscribe_topic(topic, lambda event: heard.put(event[1]))
        # A lost worker's task is never given to another by our wish; where the scheduler does it anyway, its
        # claim stops it (`job.carry_out`).
        executor = client.get_executor(pure=False, retries=0)
        parallel = parallel or sum(client.nthreads().values()) or 1
        # Asked each time: an older answer would take a worker that has just come for one that is lost.
        addresses = partial(_addresses, client)
        yield Workers(executor, parallel, _There(topic), heard, addresses)


def _addresses(client: Any) -> Collection[str] | None:
    """Return the addresses of all of a cluster's workers, None when its scheduler does not answer."""
    try:
        return list(client.nthreads())  # scheduler_info lists five of them in some versions
    except (OSError, TimeoutError):
        return None


@dataclass(frozen=True)
class _There:
    """Carries out a job on a worker of the cluster; what is heard goes back through the scheduler."""

    topic: str

    def __call__(self, job: Job) -> Ended:
        worker: Any = import_module("distributed").get_worker()

        def tell(event: Event) -> None:
            event = {**event, "address": worker.address} if event["event"] == "host-begin" else event
            with suppress(Exception):  # a scheduler that is gone must not end a run halfway
                worker.log_event(self.topic, (job.host, event))

        return carry_out(job, tell)
