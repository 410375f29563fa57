"""One run on the toy machine, in a process of its own from the interpreter's first instruction, and a signal at one moment.

A moment is a share of the time that a run takes (the signal then comes from outside), or of the calls of the runbook's own functions
(it then comes from within, exactly there; of each function the first calls count, so that moments spread over the
whole program and not over its busiest loop).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from runbook.attestation.keys import given
from runbook.attestation.verify import verify
from runbook.engine.journal import Line, read
from tests.faults import toy
from tests.faults.server import Process, Server
from tests.faults.world import PATIENCE_S, Done, World, prove_nothing_half

MOMENTS = 200
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BOOKS = {"05_work": ("first", "second"), "06_more": ("third", "later")}
WISHES = {"books": BOOKS, "pause_s": 0.1}
DELIVERY_S = 0.1
"""A signal from outside is on its way until its process gets a processor."""
EACH = 3
"""So many calls of one function count."""


@dataclass(frozen=True)
class Moment:
    """When a signal comes, which one, and whether to the whole process group or to the runner alone."""

    is_call: bool
    share: float
    sig: signal.Signals
    is_group: bool

    def __str__(self) -> str:
        at = "calls" if self.is_call else "time"
        return f"{self.sig.name}-{'group' if self.is_group else 'runner'}-at-{self.share:.3f}-of-{at}"


def moment(number: int) -> Moment:
    """Return the n-th moment: by turns of time and of calls, and of the six ways to send a signal."""
    nth, is_call = divmod(number, 2)
    share = (nth + 0.5) / (MOMENTS / 2)
    return Moment(bool(is_call), share * (1 if is_call else 1.02), SIGNALS[nth % 3], bool(nth // 3 % 2))


def count_calls(place: Path, at: int = 0, sig: int = 0, is_group: bool = False) -> None:
    """Count the calls of the runbook's functions in this process; at one of them send a signal. Without `at` their number is kept."""
    seen: Counter[object] = Counter()
    count = 0

    def called(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event != "call" or not str(frame.f_globals.get("__name__")).startswith("runbook"):
            return
        seen[frame.f_code] += 1
        if seen[frame.f_code] > EACH:
            return
        count += 1
        if not at:
            (place / "calls").write_text(str(count))
        if count == at:
            sys.setprofile(None)
            said = {
                "tick_s": time.monotonic(),
                "in": f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}",
            }
            (place / "signalled").write_text(json.dumps(said))
            (os.killpg if is_group else os.kill)(os.getpid(), sig)

    sys.setprofile(called)


class Machine(World):
    """A toy machine. Its runs are forks of what has imported everything, or processes from the interpreter's first instruction on."""

    def __init__(self, place: Path, server: Server) -> None:
        super().__init__(place, server, books=BOOKS)
        self.env["TOY_MACHINE"] = str(place)
        self.wish(**WISHES)

    def apply(self, *, is_fork: bool) -> Process | Whole:
        """Start a run, in a process group of its own."""
        words = ("run", "params/toy.yml", "--mode", "apply", "--reports", str(self.place / "reports"))
        return self.command(*words) if is_fork else Whole(self, words)

    def left(self) -> list[str]:
        """Return the processes that this machine's runs left."""
        mark, found = f"TOY_MACHINE={self.place}".encode(), []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = mark in (path / "environ").read_bytes().split(b"\0")
                if is_ours and path.name != str(os.getpid()):
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


class Whole(Process):
    """A run that begins with the interpreter."""

    def __init__(self, machine: Machine, words: tuple[str, ...]) -> None:
        argv = [sys.executable, "-m", "tests.faults.toy", str(machine.place), *words]
        env = {**os.environ, **machine.env, "PYTHONPATH": str(toy.ROOT)}
        said = machine.place / "whole"
        with Path(f"{said}.out").open("wb") as out, Path(f"{said}.err").open("wb") as err:
            self._process = subprocess.Popen(
                argv, cwd=machine.place / "project", env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        super().__init__(self._process.pid, said)

    def wait(self, timeout_s: float) -> int:
        return self._process.wait(timeout_s)


def measure(place: Path, server: Server) -> tuple[float, int]:
    """Return how many seconds a whole run takes here, and how many calls are counted in one."""
    for name in ("time", "calls"):
        (place / name).mkdir()
    machine, began = Machine(place / "time", server), time.monotonic()
    machine.apply(is_fork=False).wait(PATIENCE_S)
    seconds = time.monotonic() - began
    machine = Machine(place / "calls", server)
    machine.wish(**WISHES, moment={})
    process = machine.apply(is_fork=True)
    assert process.wait(PATIENCE_S) == 0, process.out() + process.err()
    return seconds, int((machine.place / "calls").read_text())


def strike(machine: Machine, moment: Moment, seconds: float, calls: int) -> tuple[Done, float, str]:
    """Return a run that a signal hit at this moment, when it was sent (`time.monotonic`), and where."""
    sent, where = float("inf"), "after its end"
    if moment.is_call:
        at = max(1, round(calls * moment.share))
        machine.wish(**WISHES, moment={"at": at, "sig": moment.sig, "is_group": moment.is_group})
        process = machine.apply(is_fork=True)
    else:
        process = machine.apply(is_fork=False)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds * moment.share)
            process.status = 0
        if process.status is None:
            (os.killpg if moment.is_group else os.kill)(process.pid, moment.sig)
            sent, where = time.monotonic() + DELIVERY_S, "outside"
    status = process.wait(PATIENCE_S)
    if (file := machine.place / "signalled").exists():
        said = json.loads(file.read_text())
        sent, where = said["tick_s"], said["in"]
    folders = machine.folders()
    assert len(folders) <= 1
    return Done(status, process.out(), process.err(), folders[0] if folders else None), sent, where


def prove(machine: Machine, moment: Moment, done: Done, sent: float) -> str:
    """Hold a run that was hit against the promise; return in a word what became of it."""
    assert machine.left() == []
    prove_nothing_half(machine)
    if done.folder is None:
        # An interpreter that is still being set up turns Ctrl-C into an error of its own.
        is_early = done.status == 1 and not moment.is_call and "KeyboardInterrupt" in done.err
        assert done.status in (130, -moment.sig) or is_early, (done.status, done.out + done.err)
        assert machine.log == []
        return "nothing begun"
    record, lines = done.record, read(done.folder / "journal.jsonl")
    late = [line for line in begun(lines) if line["tick_s"] > sent + 0.001]
    assert late == [], f"{late} began after the signal at {sent}"
    prove_truth(machine, lines)
    known = given(str(machine.place / "home/xen-host-runbook/signing-key.pub"))
    assert [verdict.status for verdict in verify(done.folder.parent, known)] == ["good"]
    assert (done.status, record["exit_code"]) in ((130, 130), (0, 0)), done.out + done.err
    if done.status == 0:
        assert record["outcome"] == "completed"
        assert set(done.steps.values()) == {"changed"}
        return "complete before"
    assert (record["outcome"], record["failure"]["name"]) == ("killed", "Interrupted")
    return "killed"


def prove_truth(machine: Machine, lines: list[Line]) -> None:
    """Compare the marks that actions left with the journal: what it calls done is, and it knows of all that was begun.

    The command that the signal broke off may have left its mark in that very moment; then it is one that had begun.
    """
    told = [
        (line["event"], line["title"].split()[-2], line.get("status"))
        for line in lines
        if "echo" in line.get("title", "")
    ]
    done = {name for event, name, status in told if event == "action-end" and status == "done"}
    known = {name for event, name, _ in told if event == "action-begin"}
    assert done <= set(machine.log) <= known
    assert len(machine.log) == len(set(machine.log))


def begun(lines: list[Line]) -> list[Line]:
    """Return the lines of a journal that say that something begins."""
    return [line for line in lines if line["event"] in ("step-begin", "action-begin")]
