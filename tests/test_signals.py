"""Requests to stop: nothing that swallows an exception loses one."""

import contextlib
import importlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import click
import pytest
from click.testing import CliRunner

from runbook.cli import Guarded
from runbook.controller import signals
from runbook.controller.signals import STOPPING, go_on, watching
from runbook.errors import RunbookError

SWALLOWING = {
    "a bare except": "try:\n    send()\nexcept BaseException:\n    pass",
    "a destructor": "class A:\n    def __del__(self):\n        send()\nA()",
    "a callback of C": "import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda _: send())\ndel a",
    "asyncio": "import asyncio\nasync def f():\n    send()\ntry:\n    asyncio.run(f())\nexcept BaseException:\n    pass",
    "a loop of its own handlers": "import asyncio\nasync def f():\n    asyncio.get_running_loop().call_soon(send)\n    await asyncio.sleep(0.01)\ntry:\n    asyncio.run(f())\nexcept BaseException:\n    pass",
    "a thread": "import threading, time\ntry:\n    threading.Thread(target=send).start()\n    time.sleep(5)\nexcept BaseException:\n    pass",
    "contextlib": "import contextlib\nwith contextlib.suppress(BaseException):\n    send()",
    "a sort key": "import contextlib\nwith contextlib.suppress(BaseException):\n    sorted([1], key=lambda _: send())",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("code", SWALLOWING.values(), ids=SWALLOWING)
@pytest.mark.parametrize("sig", STOPPING, ids=lambda sig: sig.name)
def test_what_swallows_an_interrupt_loses_none(code, sig):
    """Whatever code drops the exception, the next boundary raises it again, in raising and in deferring parts."""
    for defers in (False, True):
        code = code.replace("sleep(5)", "sleep(0.2)") if defers else code
        with watching() as stops, stops.deferred() if defers else stops.interruptible():
            exec(code, {"send": lambda: os.kill(os.getpid(), sig)})
            assert stops.requests == 1
            with pytest.raises(KeyboardInterrupt):
                go_on()


def test_each_request_is_counted_once():
    """Any number of them, in any order, from within and from threads; an answer takes those so far."""
    dice = random.Random(13)
    with watching() as stops, stops.deferred():
        heard = []
        for _ in range(50):
            wanted = dice.randrange(1, 9)
            with stops.told(lambda: heard.append(1)):
                for _ in range(wanted):
                    os.kill(os.getpid(), dice.choice(STOPPING))
            assert stops.requests == wanted
            stops.answer()
            assert stops.requests == 0
            go_on()


def test_other_signals_are_no_request():
    """A signal that something else of this process handles asks nobody to stop."""
    with watching() as stops:
        before = signal.signal(signal.SIGWINCH, lambda *_: None)
        try:
            os.kill(os.getpid(), signal.SIGWINCH)
            assert stops.requests == 0
        finally:
            signal.signal(signal.SIGWINCH, before)


def test_handlers_are_as_before_afterwards_and_who_is_inside_shares_them():
    """Nested watches are one; a thread has none; what was ignored stays ignored."""
    before = [signal.getsignal(sig) for sig in STOPPING]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with watching() as outer, watching() as inner:
            assert inner is outer
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            found = []

            def look():
                with watching() as own:
                    found.append((own is outer, own.requests))

            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            assert found == [(False, 0)]
    finally:
        signal.signal(signal.SIGHUP, before[2])
    assert [signal.getsignal(sig) for sig in STOPPING] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_an_import_is_not_broken_off(tmp_path, monkeypatch):
    """A request in the middle of an import lets it end, and is raised as soon as it has."""
    (tmp_path / "slowly_made.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.1)\nis_whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def work():
        importlib.import_module("slowly_made")
        time.sleep(30)

    with watching() as stops, pytest.raises(KeyboardInterrupt), stops.interruptible():
        work()
    assert sys.modules.pop("slowly_made").is_whole
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError("x"), RunbookError("x"), click.Abort(), click.ClickException("x")]
)
def test_an_interrupt_that_became_another_error_is_one(error):
    """Whatever a library makes of it, the command ends with 130 and says so; without a request the error stays."""

    @click.group(cls=Guarded)
    def group():
        pass

    @group.command()
    @click.option("--stop", is_flag=True)
    def work(stop):
        with contextlib.suppress(KeyboardInterrupt):
            if stop:
                os.kill(os.getpid(), signal.SIGHUP)
        raise error

    done = CliRunner().invoke(group, ["work", "--stop"])
    assert (done.exit_code, done.output) == (130, "Interrupted\n")
    assert CliRunner().invoke(group, ["work"]).exit_code == 1


EXECUTED = """import os
from runbook import cli, params

def load(path):
    exec(f"import os\\nos.kill(os.getpid(), {path})\\nfor _ in range(9): pass")

params.load = load
cli.main(prog_name="runbook")
"""


@pytest.mark.parametrize("sig", STOPPING, ids=lambda sig: sig.name)
def test_an_interrupt_in_executed_text_changes_no_exit_code(tmp_path, sig):
    """A signal while a library executes a text, as nbformat does with its schemas, ends `python -m` with 130 too."""
    (tmp_path / "command.py").write_text(EXECUTED)
    argv = [sys.executable, "-m", "command", "validate", str(int(sig))]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted\n")


def test_how_it_ends_is_decided_once():
    """After `ignore` a request changes nothing, and is not even noted."""
    with watching() as stops, stops.interruptible():
        stops.ignore()
        for sig in STOPPING:
            os.kill(os.getpid(), sig)
        assert stops.requests == 0


KERNEL = """import sys
from runbook.controller.signals import go_on
try:
    go_on()
except KeyboardInterrupt:
    sys.exit(9)
"""


@pytest.mark.parametrize(
    ("what", "status"), [("nothing", 0), ("a request", 9), ("a dead runner", 9), ("another file", 0)]
)
def test_a_kernel_sees_its_runner(what, status):
    """It goes on while the runner wants it, and neither after a request nor after the runner's death."""
    with watching() as stops, stops.deferred():
        env, handle = stops.lifeline()
        if what == "a request":
            os.kill(os.getpid(), signal.SIGTERM)
        if what == "a dead runner":
            stops._note.close()  # as the system does it
        if what == "another file":
            handle = 0
            env[signals.LIFELINE] = f"0:{env[signals.LIFELINE].partition(':')[2]}"
        done = subprocess.run(
            [sys.executable, "-c", KERNEL], env={**os.environ, **env}, pass_fds=(handle,), check=False
        )
        assert done.returncode == status
