"""A host behind a shell: this machine, or one behind ssh. The two differ in the transport alone."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import shlex
import subprocess
import threading
import time
from collections.abc import Iterable

from runbook.errors import CommandFailed, HostError, TimedOut
from runbook.hosts import script
from runbook.hosts.base import Delivered, OnLine, Result, Supply
from runbook.hosts.exchange import Limits, start, stop
from runbook.hosts.streams import Reader
from runbook.hosts.sudo import Sudo, marks
from runbook.hosts.transport import LOST, Transport
from runbook.model.ask import Answer, Ask, Facts

PUT_S, FRESH_S, SHARED_S = 3600, 30, 3
"""How long one file may take to be sent, one command over a connection of its own, and one word over the shared one."""


class ShellHost(Transport):
    """Base of the hosts that exist. Subclasses give `transport` and `raise_if_unreachable`."""

    is_real = True
    _fresh_s: float | None = None
    """How long one command over a connection of its own may take here, where that is not the usual."""

    def __init__(self, limits: Limits | None = None, sudo: Sudo | None = None) -> None:
        super().__init__(limits, sudo)
        self._lock: subprocess.Popen[bytes] | None = None

    def gather(self, asks: Iterable[Ask]) -> Facts:
        wanted = tuple(dict.fromkeys(asks))
        self.round_trips += 1
        text = script.gather_script(wanted, self.limits.timeout_s / 2, self.limits.size)
        said = self._exchange(
            script.run_script(), "its answers", text.encode(), self.limits.timeout_s, kept=self.limits.size
        )
        error = said.err.text()
        self.raise_if_unreachable(Result(("sh", "-s"), said.status, "", error))
        if said.status:
            raise HostError(f"Could not read {self.describe}", why=error.strip(), do="see the message above")
        answers: dict[Ask, Answer] = script.parse_answers(wanted, said.out.data)
        return Facts(answers, self.describe)

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes = b"",
        timeout_s: float | None = None,
        on_line: OnLine | None = None,
    ) -> Result:
        self.round_trips += 1
        result = self._shell(script.run_command(argv), argv, stdin, timeout_s, on_line)
        self.raise_if_unreachable(result)
        return result

    def write(self, path: str, data: bytes, *, mode: str, owner: str, check: tuple[str, ...] = ()) -> None:
        self.round_trips += 1
        line = script.write_script(path, mode, owner, check, hashlib.sha256(data).hexdigest())
        result = self._shell(line, ("write", path), data, 120, None)
        self.raise_if_unreachable(result)
        if result.status:
            raise CommandFailed(
                f"Could not write {path}",
                where=self.describe,
                why=(result.err + result.out).strip(),
                do="the old file is untouched; free space or correct what is named, then run again",
            )

    def put(self, folder: str, what: str, supply: Supply) -> tuple[Delivered, ...]:
        sent = []
        for path in sorted(supply()):
            data = path.read_bytes()
            file = Delivered(path.name, len(data), hashlib.sha256(data).hexdigest())
            self.round_trips += 1
            line = script.put_script(f"{folder}/{file.name}", file.sha256)
            result = self._shell(line, ("put", file.name), data, PUT_S, None)
            self.raise_if_unreachable(result)
            if result.status:
                raise CommandFailed(
                    f"Could not copy {file.name} to {folder}",
                    where=self.describe,
                    why=(result.err + result.out).strip() or "its checksum is another one there",
                    do=f"look at the free room there (`df -h {folder}`), then run again",
                )
            sent.append(file)
        return tuple(sent)

    def reboot(self, wait_s: float, on_line: OnLine | None = None) -> None:
        raise HostError(
            f"{self.describe} cannot be restarted from itself",
            why="the runbook runs on it and would end with it",
            do="restart it by hand, or run the runbook over ssh from another machine",
        )

    def reconnect(self, proof: tuple[str, ...], wait_s: float, on_line: OnLine | None = None) -> None:
        started, told, pause_s = time.monotonic(), 0.0, 0.05
        look = self._over_the_shared
        while (waited := time.monotonic() - started) < wait_s:
            holds = look(proof)
            if holds is None:
                look = self._over_a_new  # the one that there was is cut
                continue
            # One that began before the proof held was let in by what was in force then, and proves nothing.
            if holds and self.fresh(proof) is not None:
                return
            if on_line and waited - told >= 2:
                on_line(f"waiting for a new connection to {self.describe}: {waited:.0f} s")
                told = waited
            time.sleep(pause_s)  # most hosts answer at once; a slow one is not pressed
            pause_s = min(pause_s * 1.5, 0.3 if waited < 10 else 2)
        raise HostError(
            f"No new connection to {self.describe} within {wait_s:.0f} s",
            why="it does not answer",
            do="wait for the old configuration to come back by itself",
        )

    def _over_the_shared(self, proof: tuple[str, ...]) -> bool | None:
        """Return whether a proof holds, as the connection that is open says; None when that answers no more."""
        self.round_trips += 1
        line = shlex.join(proof)
        try:
            said = self._exchange(line, line, b"", SHARED_S)
        except (HostError, TimedOut):
            return None
        return None if said.status == LOST else said.status == 0

    def _over_a_new(self, proof: tuple[str, ...]) -> bool:
        return self.fresh(proof) is not None

    def fresh(self, argv: tuple[str, ...], timeout_s: float | None = None) -> str | None:
        """Return a command's output over a connection of its own, None when it or the connection failed."""
        self.round_trips += 1
        allowed = (self._fresh_s or FRESH_S) if timeout_s is None else timeout_s
        try:
            said = self._exchange(
                shlex.join(argv), shlex.join(argv), b"", allowed, argv=self.own_transport(shlex.join(argv))
            )
        except (HostError, TimedOut):
            return None
        return said.out.text() if said.status == 0 else None

    def own_transport(self, command: str) -> list[str]:
        """Return the argv that runs a shell line over a connection shared with nothing."""
        return self.transport(command)

    def lock(self) -> None:
        if self._lock and self._lock.poll() is None:
            return
        self.round_trips += 1
        status, said, error = self._locked()
        if said == "locked":
            return
        self._unlock()
        self.raise_if_unreachable(Result(("flock",), status, "", error))
        if status == 76:
            raise HostError(
                f"A command of an earlier run is still at work on {self.describe}",
                why=f"its run died and it did not: process group {said}",
                do="wait for it to end, or end it on the host (`kill -- -GROUP`), then run again",
            )
        if status == 75:
            raise HostError(
                f"Another run is at work on {self.describe}",
                why=f"it holds {script.LOCK}",
                do=f"wait for it to end (`fuser -v {script.LOCK}` on the host names it), then run again",
            )
        raise HostError(
            f"Could not lock {self.describe}",
            why=error.strip() or f"it ended with {status}",
            do=f"see what it says; only root can lock, by {script.LOCK}",
        )

    def _locked(self) -> tuple[int, str, str]:
        """Return the status (0 while it is held), the first line, and what else was said."""
        allowed, limit = self.limits.timeout_s, self.limits.size
        self._lock = start(self.transport(script.lock_command()))
        heard: queue.SimpleQueue[Reader | str] = queue.SimpleQueue()
        how, none = marks(self._sudo), queue.SimpleQueue[Reader | str]()
        err = Reader(self._lock.stderr, None, none, limit=limit, announces=True, marks=how)
        out = Reader(self._lock.stdout, heard.put, heard, limit=limit, marks=how)
        if self._sudo:
            threading.Thread(target=self._sudo.hold, args=(self._lock.stdin, err), daemon=True).start()
        status: int | None = None
        said: Reader | str = out
        try:
            said = heard.get(timeout=allowed)
            if said == "locked":
                return 0, said, ""
            status = self._lock.wait(allowed)
            err.join(5)
        except (queue.Empty, subprocess.TimeoutExpired):
            status = None
        for name, reader in (("standard output", out), ("standard error", err)):
            if reader.is_over:
                self._let_go(err)
                raise self._flooded("the lock", name, reader.text()[:200])
        if status is None:
            self._let_go(err)
            raise self._late("the lock", allowed, err.text())
        self._require_root(status, err)
        return status, said if isinstance(said, str) else "", err.text()

    def _let_go(self, err: Reader) -> None:
        if self._lock:
            stop(self._lock, err, self._end)
        self._unlock()

    def close(self) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            with contextlib.suppress(OSError):
                if self._lock.stdin:
                    self._lock.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._lock.wait(5)
            if self._lock.poll() is None:
                stop(self._lock)
            self._lock = None
