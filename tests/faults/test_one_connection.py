"""A run over OpenSSH on both sides: its kernels share one connection, and nothing of it is left at the end.

The server is started by ssh itself (ProxyCommand), with a key and a log of its own; no port is opened.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults.world import World, gone, lives

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    not SSHD or os.geteuid() != 0, reason="it takes root and an ssh server (openssh-server)"
)
BOOKS = {"05_work": ("first",), "06_more": ("second",), "07_rest": ("later",)}


@pytest.fixture
def world(tmp_path, server):
    """Return a toy machine of three notebooks, behind ssh."""
    Path("/run/sshd").mkdir(exist_ok=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)], check=True)
    (tmp_path / "sshd").write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nLogLevel VERBOSE\n"
    )
    (tmp_path / "ssh").write_text(
        f"Host toy\n User root\n IdentityFile {tmp_path}/user\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
        f" UserKnownHostsFile {tmp_path}/known\n LogLevel ERROR\n"
        f" ProxyCommand sh -c 'echo $$ >>{tmp_path}/pids; exec {SSHD} -i -f {tmp_path}/sshd -E {tmp_path}/sshd.log'\n"
    )
    world = World(tmp_path, server, books=BOOKS)
    world.wish(books=BOOKS)
    world.params(connection=f"{{kind: ssh, to: toy, config: {tmp_path}/ssh}}")
    assert world.command("allow", "params/toy.yml").wait(60) == 0
    return world


def accepted(world):
    """Return how often the server let a key in."""
    return (world.place / "sshd.log").read_text().count("Accepted publickey for root")


def servers(world):
    """Return the processes of the server, one a connection."""
    return [int(pid) for pid in (world.place / "pids").read_text().split()]


def test_a_run_connects_once(world):
    """Three notebooks, three kernels, one key exchange; when the run has ended, so has the connection."""
    done = world.run()
    assert (done.status, done.record["outcome"]) == (0, "completed"), done.err
    assert accepted(world) == 1
    assert all(gone(pid, 5) for pid in servers(world))


def test_a_killed_run_leaves_no_connection(world):
    """SIGKILL to the runner in mid-command: the command is not cut off, and when it has ended, so has the connection."""
    world.hold()
    world.run(lambda: world.kill("runner", signal.SIGKILL))
    (server,) = servers(world)
    assert lives(server)
    world.let_go()
    assert gone(server, 30)
    assert "second.2" in world.log
    assert accepted(world) == 1
