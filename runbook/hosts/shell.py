"""A host behind a shell: this machine, or one behind ssh. The two differ in the transport alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterable

from runbook.ask import Answer, Ask, Facts
from runbook.errors import CommandFailed, HostError, TimedOut
from runbook.hosts import script
from runbook.hosts.base import Delivered, OnLine, Result, Supply
from runbook.hosts.streams import Reader, feed


class ShellHost:
    """Base of the hosts that exist. Subclasses give `transport` and `complain`."""

    is_real = True
    describe = ""

    def __init__(self) -> None:
        self.round_trips = 0
        self._lock: subprocess.Popen[bytes] | None = None

    def transport(self, command: str) -> list[str]:
        """Return the argv on the controller that runs one shell line on the host."""
        raise NotImplementedError

    def complain(self, result: Result) -> None:
        """Raise `HostError` when a result means that the host, not the command, failed."""

    def gather(self, asks: Iterable[Ask]) -> Facts:
        wanted = tuple(dict.fromkeys(asks))
        self.round_trips += 1
        done = subprocess.run(
            self.transport("sh -s"),
            input=script.gather_script(wanted).encode(),
            capture_output=True,
            start_new_session=True,
            check=False,
        )
        error = done.stderr.decode("utf-8", "replace")
        self.complain(Result(("sh", "-s"), done.returncode, "", error))
        if done.returncode:
            raise HostError(f"Could not read {self.describe}", why=error.strip(), do="see the message above")
        answers: dict[Ask, Answer] = script.parse_answers(wanted, done.stdout)
        return Facts(answers)

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
        self.complain(result)
        return result

    def write(self, path: str, data: bytes, *, mode: str, owner: str, check: tuple[str, ...] = ()) -> None:
        self.round_trips += 1
        line = script.write_script(path, mode, owner, check, hashlib.sha256(data).hexdigest())
        result = self._shell(line, ("write", path), data, 120, None)
        self.complain(result)
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
            result = self._shell(line, ("put", file.name), data, 3600, None)
            self.complain(result)
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
        started, told = time.monotonic(), 0.0
        while (waited := time.monotonic() - started) < wait_s:
            if self.fresh(proof) is not None:
                return
            if on_line and waited - told >= 2:
                on_line(f"waiting for a new connection to {self.describe}: {waited:.0f} s")
                told = waited
            # A switch is made after two or three seconds, and most hosts answer at once; a slow one is not pressed.
            time.sleep(0.3 if waited < 10 else 2)
        raise HostError(
            f"No new connection to {self.describe} within {wait_s:.0f} s",
            why="it does not answer",
            do="wait for the old configuration to come back by itself",
        )

    def fresh(self, argv: tuple[str, ...], timeout_s: float = 30) -> str | None:
        """Return a command's output over a connection of its own, None when it or the connection failed."""
        self.round_trips += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                self.own_transport(shlex.join(argv)),
                capture_output=True,
                timeout=timeout_s,
                check=False,
                start_new_session=True,
            )
            return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
        return None

    def own_transport(self, command: str) -> list[str]:
        """Return the argv that runs a shell line over a connection shared with nothing."""
        return self.transport(command)

    def lock(self) -> None:
        if self._lock and self._lock.poll() is None:
            return
        self.round_trips += 1
        self._lock = subprocess.Popen(
            self.transport(script.lock_command()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._lock.stdout
        assert self._lock.stderr
        said = self._lock.stdout.readline()
        if said == b"locked\n":
            return
        status = self._lock.wait()
        error = self._lock.stderr.read().decode("utf-8", "replace")
        self._unlock()
        self.complain(Result(("flock",), status, "", error))
        if status == 76:
            raise HostError(
                f"A command of an earlier run is still at work on {self.describe}",
                why=f"its run died and it did not: process group {said.decode().strip()}",
                do="wait for it to end, or end it on the host (`kill -- -GROUP`), then run again",
            )
        raise HostError(
            f"Another run is at work on {self.describe}"
            if status == 75
            else f"Could not lock {self.describe}",
            why=f"it holds {script.LOCK}" if status == 75 else error.strip(),
            do=f"wait for it to end (`fuser -v {script.LOCK}` on the host names it), then run again",
        )

    def close(self) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            for stream in (self._lock.stdin, self._lock.stdout, self._lock.stderr):
                with contextlib.suppress(OSError):
                    if stream:
                        stream.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._lock.wait(5)
            if self._lock.poll() is None:
                self._lock.kill()
                self._lock.wait()
            self._lock = None

    def _shell(
        self,
        command: str,
        argv: tuple[str, ...],
        stdin: bytes,
        timeout_s: float | None,
        on_line: OnLine | None,
    ) -> Result:
        process = subprocess.Popen(
            self.transport(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = Reader(process.stdout, on_line), Reader(process.stderr, on_line)
            feeder = threading.Thread(target=feed, args=(process.stdin, stdin), daemon=True)
            feeder.start()
        except BaseException:  # a signal may come before anything is read
            self._kill(None, process)
            raise
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._kill(err.pgid, process)
            raise TimedOut(
                f"'{' '.join(argv)}' took longer than {timeout_s:.0f} s and was ended",
                where=self.describe,
                why="\n".join((out.text() + err.text()).splitlines()[-5:]),
                do="look at the host, then run again: what is done is not done twice",
            ) from None
        except BaseException:
            self._kill(err.pgid, process)
            raise
        for thread in (out, err, feeder):
            thread.join()
        return Result(argv, status, out.text(), err.text() + self.after_cut(status, err))

    def after_cut(self, status: int, err: Reader) -> str:
        """End on the host what a broken connection left there, and return a line that says so."""
        return ""

    def _kill(self, pgid: int | None, process: subprocess.Popen[bytes]) -> None:
        """End the command's process group on the host, then the transport on this side."""
        if pgid:
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                subprocess.run(
                    self.transport(script.end_command(pgid)),
                    capture_output=True,
                    timeout=20,
                    check=False,
                    start_new_session=True,
                )
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
