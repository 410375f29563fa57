"""A fleet run: what happens to one host does not touch the others, and everything said is true."""

import json
import os
import signal
import threading
import time
from concurrent.futures import CancelledError, Future
from pathlib import Path

import pytest

from runbook.controller.locks import locked
from runbook.errors import ParamsError
from runbook.evidence.fleets.record import FleetRecord, HostState, last
from runbook.fleet.executors import end_of
from runbook.fleet.job import NOT_INHERITED, Job, carry_out
from tests.evidence.toys import fetches
from tests.fleet.conftest import FAILS, FAKE, states


def kept(done):
    return FleetRecord.from_dict(json.loads((done.folder / "fleet.json").read_text()))


def test_what_happens_to_one_host_does_not_touch_the_others(fleet):
    """A failing host, a killed child and one that says nothing more end as they did; the others complete."""
    fleet.wish("b", **FAILS)
    fleet.wish("c", die=True)
    fleet.wish("e", end={"state": "refused", "exit_code": 3, "message": "no", "report": "e/r1"})
    done = fleet.run(*"abcdef", parallel=3)
    assert states(done) == {
        "a": "completed", "b": "failed", "c": "killed", "d": "completed", "e": "refused", "f": "completed",
    }  # fmt: skip
    assert (done.record.outcome, done.record.exit_code) == ("failed", 138)
    assert kept(done) == done.record
    by_name = {host.host: host for host in done.record.hosts}
    assert (by_name["b"].notebook, by_name["b"].step, by_name["a"].step) == ("05_work", "first", "")
    assert by_name["c"].message == "its process ended by signal 9: no event at all"
    page = done.index.read_text()
    assert fetches(page) == []
    assert 'href="../../e/r1/index.html">e</a>' in page
    assert "3 completed, 1 failed, 1 killed, 1 refused" in page
    assert [name for name, event in fleet.events if event == "host-end"].count("c") == 1


def test_the_page_of_all_reports_leads_to_a_fleet_that_ended(fleet):
    """When a fleet run ends, `reports/index.html` says how, beside the fleet runs before it."""
    fleet.wish("b", **FAILS)
    first, second = fleet.run("a"), fleet.run("a", "b")
    page = (fleet.place / "reports/index.html").read_text()
    assert f'href="fleet/{first.record.id}/index.html"' in page
    assert f'href="fleet/{second.record.id}/index.html"' in page
    assert "Of 2 hosts: 1 completed, 1 failed." in page
    assert 'class="pill s-running"' not in page


def test_no_more_than_asked_run_at_a_time(fleet):
    """At every moment at most --parallel children live, and there are moments when that many do."""
    for name in "abcdef":
        fleet.wish(name, sleep_s=0.3)
    fleet.run(*"abcdef", parallel=2)
    moments = sorted(
        (line["at"], 1 if line["event"] == "begin" else -1) for name in "abcdef" for line in fleet.life(name)
    )
    alive, most = 0, 0
    for _, change in moments:
        alive += change
        most = max(most, alive)
    assert most == 2


def test_nothing_of_a_run_is_inherited(fleet, monkeypatch):
    """No variable of another run reaches a child, each has a folder of its own for its kernels, gone afterwards."""
    for name in NOT_INHERITED:
        monkeypatch.setenv(name, "of another run")
    monkeypatch.setenv("RUNBOOK_BUILDS_DIR", "kept")
    fleet.run("a", "b")
    envs = [fleet.life(name)[0]["env"] for name in "ab"]
    folders = [env.pop("JUPYTER_RUNTIME_DIR") for env in envs]
    assert envs == [{"RUNBOOK_BUILDS_DIR": "kept"}] * 2
    assert len(set(folders)) == 2
    assert not any(Path(folder).exists() for folder in folders)


def test_after_so_many_failures_no_other_is_begun(fleet):
    """The n-th failure stops new hosts; those that run go on to their end, and the rest never ran."""
    fleet.wish("a", **FAILS)
    fleet.wish("b", until="enough")
    fleet.wish("c", **FAILS)

    def hear(host, event):
        Path(event["event"]).touch()

    done = fleet.run(*"abcdef", parallel=2, max_failures=2, hear=hear)
    assert states(done) == {
        "a": "failed", "b": "completed", "c": "failed", "d": "never-run", "e": "never-run", "f": "never-run",
    }  # fmt: skip
    assert (done.record.outcome, done.record.exit_code) == ("stopped", 1)
    assert (None, "enough") in fleet.events
    assert fleet.life("d") == []


@pytest.mark.parametrize(
    ("first", "limit", "ran"), [("1", 1, "a"), ("1", 2, "a"), ("1", 0, "a"), ("2", 0, "abcd"), ("2", 1, "ab")]
)
def test_the_canary_goes_first(fleet, first, limit, ran):
    """A batch begins when the one before has ended, with a host that completed and fewer failures than --max-failures."""
    fleet.wish("a", sleep_s=0.4, **FAILS)
    done = fleet.run(*"abcd", parallel=4, serial=f"{first},75%", max_failures=limit)
    assert {name for name in "abcd" if fleet.life(name)} == set(ran)
    if later := ran[int(first) :]:
        assert min(fleet.life(name)[0]["at"] for name in later) > fleet.life("a")[-1]["at"]
    assert done.record.outcome == ("failed" if ran == "abcd" else "stopped")
    assert done.record.hosts[0].state == "failed"


@pytest.mark.parametrize("serial", ["0", "x", "1,", "120%", "-1"])
def test_a_batch_has_a_size(fleet, serial):
    """Sizes that are none are refused before anything starts."""
    with pytest.raises(ParamsError, match="size of a batch"):
        fleet.run("a", serial=serial)
    assert fleet.life("a") == []


def interrupt_when(fleet, is_time, times=1):
    """Interrupt this process as Ctrl-C does, when it is time."""

    def go():
        deadline = time.monotonic() + 60
        while not is_time() and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.4)

    thread = threading.Thread(target=go)
    thread.start()
    return thread


def test_ctrl_c_ends_children_and_says_how_each_host_stands(fleet):
    """Running children are interrupted and end, no other is begun, what had completed stays; exit code 130."""
    for name in "bc":
        fleet.wish(name, sleep_s=60)
    thread = interrupt_when(fleet, lambda: fleet.life("b") and fleet.life("c"))
    done = fleet.run(*"abcd", parallel=2)
    thread.join()
    assert states(done) == {"a": "completed", "b": "killed", "c": "killed", "d": "never-run"}
    assert (done.record.outcome, done.record.exit_code) == ("interrupted", 130)
    assert [line["event"] for line in fleet.life("b")] == ["begin", "end"]
    assert (None, "interrupt") in fleet.events
    assert done.record.seconds < 40


def test_who_does_not_listen_is_killed_at_the_third_ctrl_c(fleet):
    """A child that ignores two interrupts is killed by the third, by its own process id; its host is killed."""
    fleet.wish("a", sleep_s=60, deaf=True)
    thread = interrupt_when(fleet, lambda: fleet.life("a"), times=3)
    done = fleet.run("a")
    thread.join()
    host = done.record.hosts[0]
    assert (host.state, host.message) == ("killed", "its process ended by signal 9: no event at all")
    with pytest.raises(ProcessLookupError):
        os.kill(fleet.life("a")[0]["pid"], 0)


def test_a_job_is_never_begun_twice(fleet, tmp_path):
    """A job that another worker began before is reported killed and not run, whoever hands it out again."""
    folder = tmp_path / "fleet"
    (folder / "claims").mkdir(parents=True)
    job = Job("a", "a.yml", "d1", "auto", str(tmp_path / "reports"), str(folder), str(tmp_path), command=FAKE)
    first, second = (carry_out(job, lambda event: None) for _ in range(2))
    assert (first.state, second.state, second.exit_code) == ("completed", "killed", 138)
    assert [line["event"] for line in fleet.life("a")] == ["begin", "end"]


def test_a_line_without_end_does_not_fill_the_memory(fleet):
    """What a child says is passed on piece by piece; its end is heard behind any amount of it."""
    fleet.wish("a", text="x" * 3_000_000)
    heard = []
    done = fleet.run("a", hear=lambda host, event: heard.append(len(json.dumps(event))))
    assert states(done) == {"a": "completed"}
    assert max(heard) < 1_000_000


def test_a_screen_that_went_away_stops_nothing(fleet):
    """A listener that fails is not told again, and the hosts go on."""

    def fail(host, event):
        raise OSError("the terminal is gone")

    assert states(fleet.run("a", "b", hear=fail)) == {"a": "completed", "b": "completed"}
    assert len(fleet.events) == 1


@pytest.mark.parametrize(
    ("error", "state", "code", "said"),
    [
        (CancelledError(), "killed", 138, "its worker was lost"),
        (type("KilledWorker", (Exception,), {})("x"), "killed", 138, "its worker was lost"),
        (FileNotFoundError(2, "No such file"), "failed", 5, "could not begin it. FileNotFoundError"),
        (ModuleNotFoundError("runbook"), "failed", 5, "is runbook installed there"),
    ],
)
def test_only_a_lost_worker_is_called_lost(error, state, code, said):
    """What a worker could not begin has failed, with the next move; nothing was done on the host."""
    future = Future()
    future.set_exception(error)
    end = end_of(future)
    assert (end.state, end.exit_code, said in end.message) == (state, code, True)


def test_a_fleet_that_is_under_way_is_not_resumed(fleet):
    """The last fleet run can be read when its parent has ended, and is refused while that lives."""
    with pytest.raises(ParamsError, match="no fleet run in mode auto to resume"):
        last(fleet.place / "reports", "auto")
    done = fleet.run("a")
    assert last(fleet.place / "reports", "auto") == done.record
    with locked(done.folder, wait=False), pytest.raises(ParamsError, match="still under way"):
        last(fleet.place / "reports", "auto")


def test_the_worst_host_gives_the_exit_code():
    """Of several exit codes the fleet has the worst, and an unknown one counts as a failure."""

    def code(*codes):
        return FleetRecord("", {}, [HostState("h", "", "", exit_code=c) for c in codes]).worst()

    assert [code(0, None), code(4, 3), code(3, 5, 0), code(7, 6), code(1, 138), code(0, 99)] == [
        0,
        3,
        5,
        6,
        138,
        1,
    ]
