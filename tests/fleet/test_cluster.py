"""A fleet on a dask cluster: the same ends, and no host is ever begun twice."""

import os
import signal
import subprocess
import sys

import pytest
from distributed import LocalCluster

from runbook.errors import HostError
from tests.evidence.toys import ROOT
from tests.fleet.conftest import FAILS, states


@pytest.fixture
def cluster(monkeypatch):
    """Return a cluster of two workers, each a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as found:
        yield found


def test_a_lost_worker_costs_its_host_alone_and_nothing_runs_twice(fleet, cluster):
    """Hosts on a cluster end as here; that of a killed worker is `killed`, was begun once, and can be resumed."""
    fleet.wish("b", **FAILS)
    fleet.wish("c", until="lost")

    def hear(host, event):
        if host and host.host == "c" and event["event"] == "step-begin":
            os.kill(int(worker["c"].rpartition(" ")[2]), signal.SIGKILL)
        if event["event"] == "host-begin":
            worker[host.host] = event["worker"]

    worker = {}
    done = fleet.run(*"abcd", parallel=2, scheduler=cluster.scheduler_address, hear=hear)
    (fleet.place / "lost").touch()  # the fake child has no lifeline
    assert states(done) == {"a": "completed", "b": "failed", "c": "killed", "d": "completed"}
    assert "its worker was lost" in done.record.hosts[2].message
    assert done.record.exit_code == 138
    assert [sum(line["event"] == "begin" for line in fleet.life(name)) for name in "abcd"] == [1, 1, 1, 1]
    assert len(set(worker.values())) > 1


@pytest.fixture
def one_worker(monkeypatch):
    """Return a scheduler's address and its only worker, which nobody starts again."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        command = (sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address)
        quiet = subprocess.DEVNULL
        with subprocess.Popen([*command, "--no-nanny", "--no-dashboard", "--nthreads", "1"], stdout=quiet, stderr=quiet) as worker:  # fmt: skip
            yield cluster.scheduler_address, worker
            worker.kill()


def test_the_last_worker_may_be_lost_for_good(fleet, one_worker):
    """Its host is `killed` though no other worker tells; one that waits for a worker ends unbegun when that is wanted."""
    address, worker = one_worker
    fleet.wish("a", until="lost")

    def hear(host, event):
        if host and host.host == "a" and event["event"] == "step-begin":
            worker.kill()
        if event["event"] == "no-worker":
            told.append((event["hosts"], worker.poll() is not None))
            if worker.poll() is not None:
                os.kill(os.getpid(), signal.SIGINT)

    told = []
    done = fleet.run("a", "b", parallel=1, scheduler=address, hear=hear)
    (fleet.place / "lost").touch()  # the fake child has no lifeline
    assert states(done) == {"a": "killed", "b": "never-run"}
    assert "its worker was lost" in done.record.hosts[0].message
    assert told[-1] == (1, True)
    assert (done.record.outcome, done.record.exit_code) == ("interrupted", 130)
    assert [len(fleet.life(name)) > 0 for name in "ab"] == [True, False]


def test_a_cluster_that_is_not_there_is_said(fleet):
    """An address where no scheduler answers ends the fleet before anything starts."""
    with pytest.raises(HostError, match="dask cluster cannot be used"):
        fleet.run("a", scheduler="tcp://127.0.0.1:9")
    assert fleet.life("a") == []
