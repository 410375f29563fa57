"""Starts `runbook` on the toy machine quickly: one process imports everything once, and each run is a fork of it.

A request is a line of JSON (`argv`, `cwd`, `env`, `said`: a path for both streams) on standard input; the
answer is the process id, and later, when it has ended, `PID STATUS` as waitpid(2) knows it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any


class Process:
    """A command that was started; its status as subprocess gives it (negative: killed by that signal)."""

    def __init__(self, pid: int, said: Path) -> None:
        self.pid, self.said = pid, said
        self.status: int | None = None

    def wait(self, timeout_s: float) -> int:
        deadline = time.monotonic() + timeout_s
        while self.status is None:
            assert time.monotonic() < deadline, (
                f"it runs for more than {timeout_s} s: {self.out()}{self.err()}"
            )
            time.sleep(0.05)
        return self.status

    def out(self) -> str:
        return Path(f"{self.said}.out").read_text()

    def err(self) -> str:
        return Path(f"{self.said}.err").read_text()


class Server:
    """The process that forks; `prefix` starts it in a namespace."""

    def __init__(self, prefix: list[str], root: Path) -> None:
        argv = [*prefix, sys.executable, "-m", "tests.faults.server"]
        pipe = subprocess.PIPE
        env = {**os.environ, "PYTHONPATH": str(root)}  # nsenter does not keep the current folder
        self._process = subprocess.Popen(argv, cwd=root, stdin=pipe, stdout=pipe, text=True, env=env)
        self._started: list[int] = []
        self._all: dict[int, Process] = {}
        self._count = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, argv: list[str], cwd: Path, env: dict[str, str], place: Path) -> Process:
        """Return the command, started."""
        self._count += 1
        said = place / f"said-{self._count}"
        request = {"argv": argv, "cwd": str(cwd), "env": env, "said": str(said)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        while len(self._started) < self._count:
            assert self._process.poll() is None, "the server died"
            time.sleep(0.02)
        pid = self._started[-1]
        return self._all.setdefault(pid, Process(pid, said))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def _listen(self) -> None:
        for line in self._process.stdout:
            pid, _, status = line.strip().partition(" ")
            if not status:
                self._started.append(int(pid))
                continue
            while int(pid) not in self._all:
                time.sleep(0.01)
            self._all[int(pid)].status = os.waitstatus_to_exitcode(int(status))


def main() -> None:
    """Serve until standard input ends."""
    import nbconvert.exporters
    import papermill  # noqa: F401

    import runbook.cli.reports
    import runbook.cli.running  # noqa: F401
    from runbook.evidence import layout
    from runbook.steps import notebooks
    from tests.faults import toy

    nbconvert.exporters.HTMLExporter()
    layout.style("reading.html")
    notebooks()
    data = b""
    while True:
        ready, _, _ = select.select([0], [], [], 0.1)
        if ready:
            if not (more := os.read(0, 65536)):
                return
            data += more
        *lines, data = data.split(b"\n")
        for line in lines:
            _say(str(_fork(json.loads(line), toy)))
        while (ended := _ended())[0]:
            _say(f"{ended[0]} {ended[1]}")


def _fork(request: dict[str, Any], toy: Any) -> int:
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(
                os.open(f"{request['said']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number
            )
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.chdir(request["cwd"])
        os.environ.update(request["env"])
        sys.argv = ["toy", *request["argv"]]
        toy.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:  # before anything watches for it; an interpreter then ends as by the signal
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    main()
