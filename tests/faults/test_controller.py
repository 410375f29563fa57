"""Faults of the controller: kernel, runner, signals, time-outs, clock."""

import signal
import time

import pytest

from tests.faults.world import (
    Done,
    World,
    gone,
    lives,
    prove_agreement,
    prove_nothing_half,
    prove_recovery,
    prove_truth,
)

STEPS = ("first", "second", "third", "later")
GOOD = ("changed", "unchanged", "skipped")


def prove(world: World, done: Done, row, at: str = "second") -> None:
    """Compare a run with its row of the table, its parts with each other, and with what really happened."""
    seen = 137 if done.status == -signal.SIGKILL else done.status
    assert (str(seen), done.record["outcome"]) == (row.exit_code, row.run), done.err
    assert done.record["exit_code"] == (seen if row.recorded else None)
    failure = done.record["failure"]
    assert row.says in (failure["message"] if failure else "") or row.says == failure["name"], failure
    before = row.step if row.step in ("unchanged", "skipped") else "changed"
    after = row.step if row.step in GOOD else "never-run"
    hit = STEPS.index(at)
    prove_agreement(done, dict(zip(STEPS, [*[before] * hit, row.step, *[after] * (3 - hit)], strict=True)))
    prove_truth(world, done)
    prove_nothing_half(world)


@pytest.mark.fault("none")
def test_a_run_without_a_fault(world, row):
    """Every step is changed, each action left its mark once, and the next run finds all of it unchanged."""
    done = world.run()
    prove(world, done, row)
    assert set(prove_recovery(world).steps.values()) == {"unchanged"}


@pytest.mark.fault("again")
def test_a_run_on_a_finished_host(world, row):
    """A second run does nothing and says so."""
    world.run()
    marks = world.log
    prove(world, world.run(), row)
    assert world.log == marks


@pytest.mark.fault("plan")
def test_a_plan(world, row):
    """Mode plan changes nothing; its steps are skipped."""
    done = world.run(mode="plan")
    prove(world, done, row)
    assert world.log == []


@pytest.mark.fault("refused")
def test_a_refusal(world, row):
    """A dangerous plan ends the run before anything of the step is done."""
    world.wish(refuse="second")
    done = world.run()
    prove(world, done, row)
    assert world.log == ["first.1", "first.2"]
    prove_recovery(world)


@pytest.mark.fault("check")
def test_a_finding(world, row):
    """What the check finds after the act is a failure, though every command said 0."""
    world.wish(wrong="second")
    done = world.run()
    prove(world, done, row)
    assert world.log == ["first.1", "first.2", "second.1", "second.2"]
    prove_recovery(world)


@pytest.mark.fault("kernel-killed")
def test_the_kernel_is_killed(world, row):
    """The step is killed; the command that it left on the host keeps the next run off until it has ended."""
    world.hold()
    done = world.run(lambda: world.kill("kernel", signal.SIGKILL))
    prove(world, done, row)
    prove_the_left_command_is_waited_for(world)


def prove_the_left_command_is_waited_for(world: World) -> None:
    """The next run says that a command is still at work and does nothing; when it has ended, all goes on."""
    left = world.command_pid()
    assert lives(left)
    early = world.run()
    assert early.status == 5
    assert f"process group {left}" in early.err
    assert early.steps == dict.fromkeys(STEPS, "never-run")
    world.let_go()
    assert gone(left)
    assert "second.2" in world.log
    assert prove_recovery(world).steps["second"] == "unchanged"


@pytest.mark.fault("kernel-oom")
def test_the_kernel_is_killed_for_want_of_memory(world, row):
    """The kernel takes more and more until it is killed as the system does it; what was not begun is done next time."""
    world.fault(
        py="import os, signal\nheld = [bytearray(16 << 20) for _ in range(8)]\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = world.run()
    prove(world, done, row)
    assert "second.2" not in world.log
    prove_recovery(world)


@pytest.mark.fault("memory-error")
def test_the_kernel_gets_no_memory(world, row):
    """A kernel at the limit of its memory fails the step by name and goes on living to say so."""
    world.fault(
        py="import resource\nfree = resource.getrlimit(resource.RLIMIT_AS)[1]\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), free))\nbytearray(512 << 20)"
    )
    done = world.run()
    prove(world, done, row)
    prove_recovery(world)


@pytest.mark.fault("runner-killed")
def test_the_runner_is_killed(world, row):
    """Its kernel ends too; the report is finished by whoever looks next, as killed and without an exit code."""
    world.hold()
    done = world.run(lambda: (time.sleep(2), world.kill("runner", signal.SIGKILL)))
    assert done.record["outcome"] == "running"
    assert gone(world.pid("kernel"))
    assert "  killed  " in world.reports()
    prove(world, done, row)
    prove_the_left_command_is_waited_for(world)


@pytest.mark.fault("sigterm")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_sigterm(world, row, sent):
    """A polite kill of the runner, or a closed terminal, ends the command on the host, and the report says where it stood."""
    world.hold()
    done = world.run(lambda: world.kill("runner", sent))
    prove(world, done, row)
    assert gone(world.command_pid(), 1)
    prove_recovery(world)


@pytest.mark.fault("ctrl-c")
def test_ctrl_c(world, row):
    """Ctrl-C ends the command on the host before the run ends."""
    world.hold()
    done = world.run(lambda: world.kill("runner", signal.SIGINT))
    prove(world, done, row)
    assert gone(world.command_pid(), 1)
    prove_recovery(world)


@pytest.mark.fault("ctrl-c-twice")
def test_ctrl_c_twice(world, row):
    """The second Ctrl-C waits for nothing; a command that did not listen to the first is killed all the same."""
    world.hold()
    script = world.place / "fault.sh"
    script.write_text(f"trap '' TERM; {script.read_text()}")

    def twice():
        world.kill("runner", signal.SIGINT)
        time.sleep(1)
        world.kill("runner", signal.SIGINT)

    done = world.run(twice)
    prove(world, done, row)
    assert gone(world.command_pid())
    prove_recovery(world)


@pytest.mark.fault("cell-timeout")
def test_a_cell_time_out(world, row):
    """A cell that takes too long is interrupted, and its command on the host is ended."""
    world.hold()
    world.wish(cell_timeout_s=10)
    done = world.run(lambda: None)
    prove(world, done, row)
    assert gone(world.command_pid(), 1)
    prove_recovery(world)


@pytest.mark.fault("command-timeout")
def test_a_command_time_out(world, row):
    """A command that takes too long is ended on the host, and the step says timed-out."""
    world.hold()
    world.wish(timeout_s=3)
    done = world.run(lambda: None)
    prove(world, done, row)
    assert gone(world.command_pid(), 1)
    prove_recovery(world)


@pytest.mark.parametrize(
    "jump_s",
    [
        pytest.param(-3600, marks=pytest.mark.fault("clock-back")),
        pytest.param(86400, marks=pytest.mark.fault("clock-forward")),
    ],
)
def test_the_clock_jumps(world, row, jump_s):
    """Durations are what really passed, whatever the time of day does meanwhile."""
    world.hold()
    began = time.monotonic()

    def jump():
        world.wish(jump_s=jump_s)
        time.sleep(1)
        world.let_go()

    done = world.run(jump)
    passed = time.monotonic() - began
    prove(world, done, row)
    record = done.record
    assert (record["ended"] < record["started"]) == (jump_s < 0), "the clock did jump"
    book = record["notebooks"][0]
    spent = {end["step"]: end["seconds"] for end in book["steps"]}
    assert 1 <= spent["second"] <= book["seconds"] <= record["seconds"] <= passed
    assert all(0 <= seconds <= passed for seconds in spent.values())
    prove_recovery(world)
