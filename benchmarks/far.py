"""Facts of a host that is far away: round trips a notebook, counted by its ssh server, and what latency costs.

    .venv/bin/python -m benchmarks.far [--rounds 3]     or: make bench BENCH=far     (root; apt install openssh-server)

The host is this machine, by OpenSSH on both sides: a server is started for each connection, at the other end of
a line with latency (`benchmarks.delay`, as ssh's ProxyCommand), so no port and no network is needed. Each notebook is opened, all of its
steps are planned and applied in mode `plan`, and let go: nothing is changed. Then `runbook run --mode check` looks at all of them, each in
its kernel. A round trip is a session that the server says it has started.

For a check this machine passes for one that is finished in one respect: dpkg says there that the packages of the steps are
installed (a status file of the server's own mount namespace). Else apt would work out for seconds what is missing.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
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
from runbook import open_host, programs
from runbook import params as parameters
from runbook.controller import allowed
from runbook.facts.system import COMMANDS, parse
from runbook.hosts.local import LocalHost
from runbook.params import HostParams
from runbook.steps import notebooks, steps_of

HERE = Path(__file__).parent
LATENCIES = (0.0, 0.1)
"""Seconds there and back."""
ACCEPTED, SESSION = "Accepted publickey for", "Starting session:"
_STATUS = "/var/lib/dpkg/status"
_STANZA = """Package: {}
Status: install ok installed
Maintainer: nobody <nobody@example.org>
Architecture: all
Version: 1
Description: passes for installed

"""


@dataclass(frozen=True)
class Seen:
    """One notebook at one latency: seconds to all facts of a new connection, sessions, and turns of the line."""

    seconds: float
    sessions: int
    turns: int


@dataclass(frozen=True)
class Checked:
    """A check of all notebooks by `runbook run`: seconds in all and for facts, connections and sessions."""

    seconds: float
    facts: float
    connections: int
    sessions: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if os.geteuid() or not shutil.which("sshd", path="/usr/sbin"):
        sys.exit("not measured: it takes root and an ssh server (apt install openssh-server)")
    Path("/run/sshd").mkdir(exist_ok=True)  # as ssh.service does
    seen: dict[float, dict[str, list[Seen]]] = {at: {name: [] for name in notebooks()} for at in LATENCIES}
    with tempfile.TemporaryDirectory(prefix="bench-far-") as name:
        far = Far(Path(name))
        far.look("00_introduction", 0.0, "plan")  # imports and caches
        for _ in range(args.rounds):
            for notebook in notebooks():
                for latency in LATENCIES:
                    seen[latency][notebook].append(far.look(notebook, latency, "plan"))
        os.environ["RUNBOOK_RUN_DIR"] = (
            name  # as for a kernel of a run: that looks once more at the end, not its kernels
        )
        locked = far.look("10_references", 0.1, "apply")
        del os.environ["RUNBOOK_RUN_DIR"]
        checks = {at: [far.check(at) for _ in range(args.rounds)] for at in LATENCIES}
    save("far", [*rows(seen, locked), *rows_of_check(checks)], versions={"openssh": openssh()})
    text = page(seen, locked, checks)
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
        os.environ["XDG_CONFIG_HOME"] = str(folder)  # where the word for this ProxyCommand is kept
        for latency in LATENCIES:
            line = f"{sys.executable} -I -S {HERE}/delay.py {latency / 2} {self._turns}"
            serve = f"mount --bind {folder}/status {_STATUS}; exec /usr/sbin/sshd -i -f {folder}/sshd -E {self._log}"
            server = f"unshare --mount sh -c {shlex.quote(serve)}"
            (folder / f"ssh-{latency}").write_text(
                f"Host far\n User root\n IdentityFile {folder}/user\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
                f" UserKnownHostsFile {folder}/known\n LogLevel ERROR\n ProxyCommand {line} {server}\n"
            )
            (folder / f"far-{latency}.yml").write_text(
                f"host: far\nrelease: {release}\nconnection: {{kind: ssh, to: far, config: {folder}/ssh-{latency}}}\n"
            )
            for program in programs.of(parameters.load(self._params(latency))):
                allowed.allow(program)
        (folder / "status").write_text(finished(parameters.load(self._params(LATENCIES[0]))))

    def _params(self, latency: float) -> Path:
        return self._folder / f"far-{latency}.yml"

    def check(self, latency: float) -> Checked:
        """Return what a check of all notebooks costs; what it finds wrong on this machine does not matter here."""
        self._log.write_text("")
        reports = self._folder / f"reports-{time.monotonic_ns()}"
        runbook = str(Path(sys.executable).with_name("runbook"))
        began = time.monotonic()
        done = subprocess.run(
            [runbook, "run", str(self._params(latency)), "--mode", "check", "--json", "--reports", str(reports)],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        seconds = time.monotonic() - began
        names = [book["name"] for book in json.loads(done.stdout)["notebooks"]]
        (journal,) = reports.glob("far/*/journal.jsonl")
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        looks = {line["notebook"]: line["elapsed_s"] for line in lines if line["event"] == "gather"}
        assert sorted(looks) == sorted(names) == sorted(notebooks()), f"not all were looked at: {done.stderr}"
        log = self._log.read_text()
        return Checked(seconds, sum(looks.values()), log.count(ACCEPTED), log.count(SESSION))

    def look(self, notebook: str, latency: float, mode: str) -> Seen:
        """Return what a whole notebook costs; in mode `apply` only for one without steps."""
        self._log.write_text("")
        self._turns.write_text("")
        began = time.monotonic()
        book = open_host(str(self._params(latency)), mode, notebook=notebook)
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
        while not (turns := self._turns.read_text()):  # the line is closed a moment after ssh is
            assert time.monotonic() < deadline, "the line does not end"
            time.sleep(0.05)
        return Seen(seconds, sessions, int(turns))


def finished(params: HostParams) -> str:
    """Return dpkg's status of this machine, with all packages installed that apt would be asked about."""
    text = Path(_STATUS).read_text()
    asks = {ask for steps in notebooks().values() for step in steps for ask in step.asks(params)}
    scripts = [ask.argv[2] for ask in asks if ask.argv[:2] == ("sh", "-c") and "apt-get -s" in ask.argv[2]]
    first = [script.partition("\n")[0] for script in scripts if script.startswith("set -- ")]
    names = {name for line in first for name in shlex.split(line)[2:]}
    stanzas = (stanza for stanza in text.split("\n\n") if stanza.partition("\n")[0][9:] not in names)
    return "\n\n".join(stanzas).strip() + "\n\n" + "".join(map(_STANZA.format, sorted(names)))


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


def rows_of_check(checks: dict[float, list[Checked]]) -> list[Row]:
    """Return the figures of the checks as rows of results."""
    near, far = (checks[at] for at in LATENCIES)
    facts, wall = (
        statistics.median(values) for values in zip(*((c.facts, c.seconds) for c in far), strict=True)
    )
    without = statistics.median(check.facts for check in near)
    return [
        Row("check-connections", max(c.connections for c in [*near, *far]), "accepted by sshd"),
        Row("check-round-trips", max(c.sessions for c in [*near, *far]), "sessions that sshd started"),
        Row("check-facts-far", facts, f"{without:.1f} s without latency; the whole check {wall:.1f} s"),
    ]


def middle(found: list[Seen]) -> float:
    return statistics.median(one.seconds for one in found)


def page(seen: dict[float, dict[str, list[Seen]]], locked: Seen, checks: dict[float, list[Checked]]) -> str:
    """Return the figures as a page."""
    near, far = (seen[at] for at in LATENCIES)
    lines = "\n".join(
        f"| {name} | {max(one.sessions for one in far[name])} | {middle(near[name]):.2f} | {middle(far[name]):.2f} "
        f"| {(middle(far[name]) - middle(near[name])) / LATENCIES[1]:.1f} | {max(one.turns for one in far[name])} |"
        for name in far
    )
    total = [sum(middle(found) for found in seen[at].values()) for at in LATENCIES]
    rounds = len(near["00_introduction"])
    whole = "\n".join(
        f"| {at * 1000:.0f} ms | {max(c.connections for c in found)} | {max(c.sessions for c in found)} "
        f"| {statistics.median(c.facts for c in found):.2f} | {statistics.median(c.seconds for c in found):.1f} |"
        for at, found in checks.items()
    )
    return f"""# Facts of a host that is far away

| notebook | round trips | seconds, no latency | seconds, {LATENCIES[1] * 1000:.0f} ms | latencies waited | turns of the line |
| --- | --- | --- | --- | --- | --- |
{lines}
| all | | {total[0]:.2f} | {total[1]:.2f} | | |

A round trip is a session that the ssh server has started: a question and its answer. In mode `apply` a notebook takes one more, for the lock: {locked.sessions} in all (counted with 10_references, which has no steps).
Seconds are those to all facts of a notebook, from no connection on, as where a notebook is stepped through by itself; medians of {rounds} rounds.
Most of the latencies are the connection's: ssh agrees on versions, keys, user and session before the question can be asked. Turns are how often this side spoke after it had heard something, in the whole life of the connection.
The latency is there and back, made by a process between both programs ([delay.py](delay.py)) and not by netem in a network namespace: that is a module of the kernel (sch_netem), which not every machine has, and the one that the figures here are from has not. It delays bytes, so TCP's own handshake, one latency more a connection, is not in it.

## A check of all notebooks

| latency | connections | round trips | seconds for facts | seconds in all |
| --- | --- | --- | --- | --- |
{whole}

By `runbook run --mode check`: a kernel a notebook, all of them over the run's one connection, which is opened while the first kernel starts.
One round trip is each notebook's, and one the last look, at the modes of the files.
Seconds for facts are the notebooks' own, from the question to the answer, waiting for the connection counted; those in all have kernels, plans, pages and signature in them.
The packages of the steps pass for installed there, as they are on a finished host.

{openssh()}, {machine()}.

Made by `make bench BENCH=far`.
"""


if __name__ == "__main__":
    main()
