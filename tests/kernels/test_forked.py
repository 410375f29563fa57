"""Forked processes: what is asked for is what one gets, alone, and no longer than whoever asked lives."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from runbook.kernels import server as servers
from runbook.kernels.forked import UNKNOWN, Lost, NotForked, Stale

ROOT = Path(__file__).parents[2]
HERE = "tests.kernels.targets"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Return a server of this test alone, which can import the targets."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    server = servers._start()
    yield server
    server.close()


def fork(server: servers.ForkServer, target: str, *argv: str, handles=None, prepare="", **env: str):
    """Return a forked process, and the file that its output goes to."""
    name = Path(tempfile.mkdtemp()) / "out"
    with name.open("wb") as out:
        numbers = {1: out.fileno(), 2: out.fileno(), **(handles or {})}
        env = {**os.environ, **env}
        ask = (f"{HERE}:{target}", [target, *argv], "/", env, numbers, prepare and f"{HERE}:{prepare}")
        return server.fork(*ask), name


def said(out: Path) -> str:
    return out.read_text()


def gone(pid: int, within_s: float = 20) -> bool:
    """Return whether a process ends within some seconds."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_forked_process_finds_what_was_asked_for(server):
    """Arguments, folder, environment and open files under their numbers; a session of its own; nothing of the server's."""
    with Path("/etc/hostname").open("rb") as file:
        process, out = fork(server, "look_around", "a", "b c", handles={9: file.fileno()}, XY="1")
    assert process.wait(30) == 0
    seen = json.loads(said(out))
    assert seen["argv"] == ["look_around", "a", "b c"]
    assert (seen["cwd"], seen["XY"], seen["session"]) == ("/", "1", process.pid)
    assert seen["handles"] == ["1", "2", "9", "socket"]
    assert (seen["threads"], seen["gc"]) == (["MainThread", "lifeline"], True)
    assert seen["parent"] == server.pid


@pytest.mark.parametrize(
    ("target", "status"), [("nothing", 0), ("leave", 7), ("complain", 1), ("fail", 1), ("interrupted", -2)]
)
def test_how_a_forked_process_ends_is_known(server, target, status):
    """Its status is that of an interpreter which ends so; what is registered for the end is done, threads are waited for."""
    process, out = fork(server, target)
    assert process.wait(30) == status == process.poll()
    assert said(out).split()[-2:] == ["thread", "atexit"]


def test_one_that_crashes_takes_nobody_along(server):
    """Killed, out of its memory or by a fault in C: the status says so, and those beside it and after it know nothing."""
    beside, out = fork(server, "wait")
    for target, status in (("kill_itself", -9), ("read_nowhere", -11), ("eat_memory", 1)):
        assert fork(server, target)[0].wait(60) == status
    assert beside.poll() is None
    beside.send_signal(signal.SIGINT)
    assert beside.wait(30) == -signal.SIGINT
    assert "KeyboardInterrupt" in said(out)


def test_a_signal_in_the_first_moment_is_not_lost(server):
    """However early it is sent, it arrives."""
    fork(server, "nothing")[0].wait(30)
    for _ in range(20):
        process, _ = fork(server, "wait")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT


def test_no_two_have_the_same_chance(server):
    """Random numbers of Python and of numpy, and names of temporary files, differ in each."""
    found = []
    for _ in range(3):
        process, out = fork(server, "throw_dice", prepare="throw_dice")
        process.wait(30)
        found.append(said(out).split())
    assert all(len(set(column)) == 3 for column in zip(*found, strict=True))


def test_what_was_forked_outlives_the_server(server):
    """It goes on when the server is killed; its end is seen, how it ended is not; no other can be had."""
    process, _ = fork(server, "wait")
    os.kill(server.pid, signal.SIGKILL)
    assert gone(server.pid)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == UNKNOWN
    with pytest.raises(Lost):
        fork(server, "nothing")


def test_a_server_that_still_imports_ends_with_who_wanted_it():
    """It does not import on for nobody, however long that would take."""
    server = servers._start()
    server._socket.close()
    assert gone(server.pid, 0.5 + 20 * (os.getloadavg()[0] > 4))
    assert server._process.wait() == 0
    server.close()


WHO_ASKS = """import os, sys, time
from runbook.kernels import server as servers
server = servers.server()
one = server.fork("{here}:wait", ["wait"], "/", dict(os.environ), {{1: 1, 2: 2}}, "")
print(server.pid, one.pid, flush=True)
time.sleep(600)"""


def test_nothing_outlives_who_asked():
    """Killed without a word, it takes the server and all that was forked for it along."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", WHO_ASKS.format(here=HERE)]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE) as process:
        pids = [int(word) for word in process.stdout.readline().split()]
        process.kill()
        assert [gone(pid) for pid in pids] == [True, True]


def test_changed_source_is_imported_anew(server, tmp_path):
    """A module that is changed on the disk after its import makes the server one for nobody."""
    source = tmp_path / "changing.py"
    source.write_text("def run(): print(1)")
    ask = ("changing:run", ["run"], "/", dict(os.environ), {1: 1}, "")
    assert server.fork(*ask).wait(30) == 0
    server.fork("changing:run", ["run"], "/", dict(os.environ), {1: 1}, "changing:run").wait(30)
    source.write_text("def run(): print(22)")
    with pytest.raises(Stale, match=r"changing\.py"):
        server.fork(*ask)


def test_what_cannot_be_had_by_a_fork_is_refused(server, monkeypatch):
    """Another environment for the interpreter, too long a request, an error of what is imported, a thread of it."""
    for name, value in (("PYTHONHASHSEED", "7"), ("LC_ALL", "C"), ("LD_PRELOAD", "x.so")):
        with pytest.raises(NotForked, match="environment"):
            fork(server, "nothing", **{name: value})
    with pytest.raises(NotForked, match="too long"):
        fork(server, "nothing", XY="x" * 1_000_000)
    with pytest.raises(NotForked, match="no_such"):
        fork(server, "no_such")
    with pytest.raises(NotForked, match="a thread"):
        fork(server, "nothing", prepare="begin_a_thread")


def test_a_server_can_be_lent(server, monkeypatch):
    """A forked process asks the server that it came from; what it starts otherwise has none."""
    lent, handle = server.lent()
    process, out = fork(server, "fork_another", handles={handle: handle}, **lent)
    assert process.wait(30) == 0
    seen = json.loads(said(out).splitlines()[-1])
    assert seen == {"parent": server.pid, "left in the environment": False}
    monkeypatch.setenv(servers.LENT, f"{handle}:1")
    assert servers._borrowed() is None
