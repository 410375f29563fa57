"""The one ssh connection of a run: who shares it, and that it is closed whatever happens."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from runbook import hosts
from runbook.errors import HostError
from runbook.fleet.job import NOT_INHERITED
from runbook.hosts import control, shared
from runbook.hosts.ssh import SshHost
from runbook.params import load
from tests.hosts.masters import Masters

KERNEL = """import sys
from runbook import hosts
from runbook.errors import HostError
from runbook.params import load
host = hosts.connect(load(sys.argv[1]), "00_introduction")
for _ in range(2):
    assert host.run(("echo", "hello")).out == "hello\\n"
host.close()
"""
LEADER = """import sys, time
from runbook.hosts.shared import shared
from runbook.params import load
with shared(load(sys.argv[1])) as line:
    print("open", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """Return a stand-in for ssh; sockets lie in a runtime folder with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        monkeypatch.delenv(control.LINE, raising=False)
        yield Masters(tmp_path, monkeypatch)


@pytest.fixture
def file(tmp_path):
    """Return a parameter file of a host that is reached by ssh."""
    path = tmp_path / "box.yml"
    path.write_text("host: box\nconnection: {kind: ssh, to: root@box}\n")
    return path


def kernel(file, line):
    """Do what a kernel does that is handed this line: open the host, work, close it."""
    subprocess.run([sys.executable, "-c", KERNEL, str(file)], env=os.environ | line.environment(), check=True)


def sockets():
    """Return what lies in the folder of sockets."""
    return sorted(control.own().folder.iterdir())


def wait_for(holds, within_s=20):
    """Return when something holds."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def test_all_kernels_of_a_run_share_one_connection(ssh, file):
    """It is opened once, used by each kernel and by the run itself, and closed with the run."""
    with shared.shared(load(file)) as line:
        kernel(file, line)
        kernel(file, line)
        host = hosts.connect(load(file), "99_last", line)
        assert host.run(("echo", "hello")).out == "hello\n"
        host.close()
        assert ssh.calls == ["open root@box", *["run root@box"] * 5]
    assert ssh.connections() == ["open root@box", "exit root@box"]
    assert sockets() == []


def test_a_kernel_waits_for_the_connection_that_is_being_opened(ssh, file):
    """So that it does not open a second one; it does not wait for one that could not be opened."""
    line = control.new()
    host = SshHost("root@box", None, line=line)
    mark = control.opening(host.socket())
    mark.touch()
    with subprocess.Popen(["sh", "-c", 'sleep 0.5; rm -- "$1"', "sh", str(mark)]):
        host.transport("true")
        assert not mark.exists()


def test_a_host_that_does_not_answer_at_first_is_reached_by_the_kernel(ssh, file):
    """Opening it early is only that: who needs the connection opens it again, and it is closed with the run."""
    ssh.put("down")
    with shared.shared(load(file)) as line:
        wait_for(lambda: sockets() == [])
        ssh.put("down", there=False)
        kernel(file, line)
        assert ssh.connections() == ["open root@box"]
    assert ssh.connections() == ["open root@box", "exit root@box"]


def test_without_the_line_a_kernel_has_its_own(ssh, file):
    """A folder that is gone (its user's last session ended) is no error; what a kernel opens itself it closes."""
    line = control.Line(control.own().folder / "gone", "secret")
    kernel(file, line)
    assert ssh.connections() == ["open root@box", "exit root@box"]
    assert sockets() == []


def test_another_host_is_never_reached_over_the_line(ssh):
    """ssh asks no socket where it leads: each destination, by each configuration, has one of its own."""
    line = control.new()
    reached = [("root@box", None), ("root@other", None), ("root@box", Path("/etc/config"))]
    assert len({SshHost(to, config, line=line).socket() for to, config in reached}) == 3


def test_two_runs_at_once_do_not_share(ssh, file):
    """The one that ends first leaves the other's connection alone."""
    with shared.shared(load(file)) as one:
        with shared.shared(load(file)) as other:
            kernel(file, other)
            kernel(file, one)
        assert ssh.connections() == ["open root@box", "open root@box", "exit root@box"]
        kernel(file, one)
        assert len(ssh.connections()) == 3
    assert ssh.connections().count("exit root@box") == 2
    assert control.LINE in NOT_INHERITED


def test_a_killed_run_leaves_no_connection(ssh, file):
    """Not even SIGKILL does: what closes it sees the run's process end."""
    argv = [sys.executable, "-c", LEADER, str(file)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as leader:
        assert leader.stdout.readline() == b"open\n"
        wait_for(lambda: ssh.calls == ["open root@box"])
        leader.send_signal(signal.SIGKILL)
        leader.wait()
        wait_for(lambda: ssh.calls == ["open root@box", "exit root@box"] and sockets() == [])


def test_a_run_that_ends_early_does_not_wait_for_the_host(ssh, file):
    """A connection that is still being opened is given up."""
    ssh.put("slow")
    began = time.monotonic()
    with shared.shared(load(file)):
        wait_for((ssh.place / "waits").exists)
    assert time.monotonic() - began < 15
    assert sockets() == []
    assert ssh.calls == []


def test_after_a_restart_it_is_opened_once_more(ssh, file, monkeypatch):
    """The host's end is gone: the kernel closes this one, and opens the next, which later kernels use too."""
    boots = iter(["one\n", None, "two\n"])
    monkeypatch.setattr(SshHost, "fresh", lambda host, argv: next(boots))
    monkeypatch.setattr("runbook.hosts.ssh.time.sleep", lambda seconds: None)
    with shared.shared(load(file)) as line:
        host = SshHost("root@box", None, line=line)
        wait_for(host.socket().exists)
        monkeypatch.setattr(host, "run", lambda argv, timeout_s: None)
        host.reboot(60)
        assert ssh.calls == ["open root@box", "exit root@box"]
        kernel(file, line)
        kernel(file, line)
    assert ssh.connections() == ["open root@box", "exit root@box"] * 2


@pytest.mark.parametrize("connection", ["{kind: local}", "{kind: recorded, recording: recordings/testbed}"])
def test_a_host_without_ssh_has_no_line(ssh, tmp_path, connection):
    """Nothing is started for it."""
    (tmp_path / "box.yml").write_text(f"host: box\nconnection: {connection}\n")
    with shared.shared(load(tmp_path / "box.yml")) as line:
        assert line is None
    assert ssh.calls == []


def test_a_connection_older_than_the_switch_confirms_nothing(ssh, tmp_path):
    """What shows that the switch was made may itself have been let in before it; the next connection has to get in."""
    host, held = SshHost("root@box"), tmp_path / "held"
    held.touch()
    host.reconnect(("test", "-e", str(held)), 5)
    assert ssh.calls == ["open root@box", "run root@box", "own root@box", "run root@box"]


def test_nobody_new_gets_in_and_the_switch_is_not_confirmed(ssh, tmp_path):
    """The connection that was there still sees the new state; that is no proof."""
    host, held = SshHost("root@box"), tmp_path / "held"
    held.touch()
    host.run(("true",))
    ssh.put("down")
    with pytest.raises(HostError, match="No new connection"):
        host.reconnect(("test", "-e", str(held)), 1)
    assert "own root@box" not in ssh.calls


def test_a_cut_connection_is_waited_for_by_new_ones(ssh, tmp_path, monkeypatch):
    """Of the one that hangs nothing more is asked; two new ones, one after the other, are enough."""
    host, held = SshHost("root@box"), tmp_path / "held"
    host.run(("true",))
    monkeypatch.setattr("runbook.hosts.shell.SHARED_S", 1)
    monkeypatch.setattr(host, "transport", lambda command: ["sleep", "30"])
    held.touch()
    host.reconnect(("test", "-e", str(held)), 10)
    assert ssh.connections() == ["open root@box", "own root@box", "own root@box"]
