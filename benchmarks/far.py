"""Facts of a host that is far away: round trips a notebook, counted by its ssh server, and what latency costs.

    .venv/bin/python -m benchmarks.far [--rounds 3]     or: make bench BENCH=far     (root; apt install openssh-server)

The host is this machine, by OpenSSH on both sides: a server is started for each connection, at the other end of
a line with latency (`benchmarks.delay`, as ssh's ProxyCommand), so no port and no network is needed. Each notebook is opened, all of its
steps are planned and applied in mode `plan`, and let go: nothing is changed. A round trip is a session that the
server says it has started.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from benchmarks.result import Row, machine, save
from runbook import open_host
from runbook.facts.system import COMMANDS, parse
from runbook.hosts.local import LocalHost
from runbook.steps import notebooks, steps_of

HERE = Path(__file__).parent
LATENCIES = (0.0, 0.1)
"""Seconds there and back."""
SESSION = "Starting session:"


@dataclass(frozen=True)
class Seen:
    """One notebook at one latency: seconds to all facts of a new connection, sessions, and turns of the line."""

    seconds: float
    sessions: int
    turns: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if os.geteuid() or not shutil.which("sshd", path="/usr/sbin"):
        sys.exit("not measured: it takes root and an ssh server (apt install openssh-server)")
    Path("/run/sshd").mkdir(exist_ok=True)  # as ssh.service does
    seen: dict[float, dict[str, list[Seen]]] = {at: {name: [] for name in notebooks()} for at in LATENCIES}
    with tempfile.TemporaryDirectory(prefix="bench-far-") as name:
        far = Far(Path(name))
        far.look("00_introduction", 0.0, "plan")  # imports and caches
        for _ in range(asked.rounds):
            for notebook in notebooks():
                for latency in LATENCIES:
                    seen[latency][notebook].append(far.look(notebook, latency, "plan"))
        locked = far.look("10_references", 0.1, "apply")
    save("far", rows(seen, locked), versions={"openssh": openssh()})
    text = page(seen, locked)
    (HERE / "far.md").write_text(text, encoding="utf-8")
    print(text)


class Far:
    """This machine, behind ssh and a line with latency."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._log, self._turns = folder, folder / "sshd.log", folder / "turns"
        for key in ("host", "user"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(argv, check=True)
        (folder / "sshd").write_text(
            f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\nLogLevel VERBOSE\n"
        )
        host = LocalHost()
        release = parse(host.gather(COMMANDS)).codename
        for latency in LATENCIES:
            line = f"{sys.executable} -I -S {HERE}/delay.py {latency / 2} {self._turns}"
            server = f"/usr/sbin/sshd -i -f {folder}/sshd -E {self._log}"
            (folder / f"ssh-{latency}").write_text(
                f"Host far\n User root\n IdentityFile {folder}/user\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
                f" UserKnownHostsFile {folder}/known\n LogLevel ERROR\n ProxyCommand {line} {server}\n"
            )
            (folder / f"far-{latency}.yml").write_text(
                f"host: far\nrelease: {release}\nconnection: {{kind: ssh, to: far, config: {folder}/ssh-{latency}}}\n"
            )

    def look(self, notebook: str, latency: float, mode: str) -> Seen:
        """Return what a whole notebook costs; in mode `apply` only for one without steps."""
        self._log.write_text("")
        self._turns.write_text("")
        began = time.monotonic()
        book = open_host(str(self._folder / f"far-{latency}.yml"), mode, notebook=notebook)
        seconds = time.monotonic() - began
        steps = steps_of(notebook, book.params.release)
        assert mode == "plan" or not steps
        with redirect_stdout(io.StringIO()):  # a cell would show it
            for step in steps:
                book.plan(step)
                book.apply(step)
        book.summary()
        sessions = self._log.read_text().count(SESSION)
        assert sessions == book.host.round_trips, (sessions, book.host.round_trips)
        deadline = time.monotonic() + 20
        while not (said := self._turns.read_text()):  # the line is closed a moment after ssh is
            assert time.monotonic() < deadline, "the line does not end"
            time.sleep(0.05)
        return Seen(seconds, sessions, int(said))


def openssh() -> str:
    """Return the version that ssh says it is."""
    return subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.split(",")[0].strip()


def most(seen: dict[str, list[Seen]]) -> int:
    """Return the most round trips that any notebook took at any time."""
    return max(one.sessions for found in seen.values() for one in found)


def rows(seen: dict[float, dict[str, list[Seen]]], locked: Seen) -> list[Row]:
    """Return the figures as rows of results: the most of all notebooks, the lock of mode apply counted."""
    near, far = (max(most(seen[at]), locked.sessions) for at in LATENCIES)
    seconds = [sum(middle(found) for found in seen[at].values()) for at in LATENCIES]
    wall = f"; facts of {len(notebooks())} notebooks in {{:.1f}} s"
    about = "counted by sshd; 1 to read, 1 more to lock in mode apply"
    return [
        Row("round-trips", near, about + wall.format(seconds[0])),
        Row("round-trips-far", far, about + wall.format(seconds[1])),
    ]


def middle(found: list[Seen]) -> float:
    return statistics.median(one.seconds for one in found)


def page(seen: dict[float, dict[str, list[Seen]]], locked: Seen) -> str:
    """Return the figures as a page."""
    near, far = (seen[at] for at in LATENCIES)
    lines = "\n".join(
        f"| {name} | {max(one.sessions for one in far[name])} | {middle(near[name]):.2f} | {middle(far[name]):.2f} "
        f"| {(middle(far[name]) - middle(near[name])) / LATENCIES[1]:.1f} | {max(one.turns for one in far[name])} |"
        for name in far
    )
    total = [sum(middle(found) for found in seen[at].values()) for at in LATENCIES]
    rounds = len(near["00_introduction"])
    return f"""# Facts of a host that is far away

| notebook | round trips | seconds, no latency | seconds, {LATENCIES[1] * 1000:.0f} ms | latencies waited | turns of the line |
| --- | --- | --- | --- | --- | --- |
{lines}
| all | | {total[0]:.2f} | {total[1]:.2f} | | |

A round trip is a session that the ssh server has started: a question and its answer. In mode `apply` a notebook takes one more, for the lock: {locked.sessions} in all (counted with 10_references, which has no steps).
Seconds are those to all facts of a notebook, from no connection on, as each notebook's kernel makes its own; medians of {rounds} rounds.
Most of the latencies are the connection's: ssh agrees on versions, keys, user and session before the question can be asked. Turns are how often this side spoke after it had heard something, in the whole life of the connection.
The latency is there and back, made by a process between both programs ([delay.py](delay.py)) and not by netem in a network namespace: that is a module of the kernel (sch_netem), which not every machine has, and the one that the figures here are from has not. It delays bytes, so TCP's own handshake, one latency more a connection, is not in it.

{openssh()}, {machine()}.

Made by `make bench BENCH=far`.
"""


if __name__ == "__main__":
    main()
