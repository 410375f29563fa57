"""Faults of the connection. The stand-in does as sshd does: a command outlives its connection."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.faults.test_controller import prove, prove_the_left_command_is_waited_for
from tests.faults.world import gone, prove_recovery


@pytest.fixture
def world(world):
    """Return a machine that is reached by a stand-in for ssh."""
    program = world.place / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent / "fake_ssh.py"} "$@"\n')
    program.chmod(0o755)
    world.env |= {"PATH": f"{program.parent}:{os.environ['PATH']}", "TOY_PLACE": str(world.place)}
    world.params(connection="{kind: ssh, to: toy}")
    return world


def cut(world, of):
    """Cut the connection that runs a command with these words in it."""
    (link,) = [path for path in (world.place / "links").iterdir() if of in path.read_text()]
    os.kill(int(link.name), signal.SIGUSR1)


@pytest.mark.fault("ssh-cut")
def test_ssh_is_cut_in_mid_command(world, row):
    """The command that nobody sees any more is ended over a new connection."""
    world.hold()
    done = world.run(lambda: cut(world, "second.2"))
    prove(world, done, row)
    assert gone(world.command_pid(), 1)
    assert "second.2" not in world.log
    prove_recovery(world)


@pytest.mark.fault("ssh-gone")
def test_ssh_is_cut_and_stays_away(world, row):
    """When the host does not answer, the report says what may still run there; the next run finds out."""
    world.hold()

    def gone_for_good():
        (world.place / "unreachable").touch()
        cut(world, "second.2")

    done = world.run(gone_for_good)
    prove(world, done, row)
    (world.place / "unreachable").unlink()
    prove_the_left_command_is_waited_for(world)


@pytest.mark.fault("ssh-cut-writing")
def test_ssh_is_cut_in_mid_file(world, row):
    """Half of a file is no file: the old one stays, and no temporary one."""
    old = world.see("machine/config")
    old.write_text("old\n")
    world.fault(py='(place / "cut-after").write_text("100000")')
    done = world.run()
    assert old.read_text() == "old\n"
    prove(world, done, row, at="third")
    prove_recovery(world)


@pytest.mark.fault("no-return")
def test_the_machine_does_not_come_back(world, row):
    """What was done before the restart is known; when the machine is there again, the run goes on after it."""
    world.wish(restart="second")
    done = world.run()
    prove(world, done, row)
    assert "second.2" in world.log
    (world.place / "unreachable").unlink()
    assert prove_recovery(world).steps["second"] == "unchanged"
