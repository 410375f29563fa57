"""One Debian host configured over ssh: the runbook against ansible-core and pyinfra, doing the same.

    .venv/bin/python -m benchmarks.peers [--rounds 3]                  a host made here, or: make bench-peers (root)
    .venv/bin/python -m benchmarks.peers --params FILE [--rounds 3]    a host of yours that is configured already

Without --params a fresh Debian host at this machine's own speed is made (`peers_target.py`): in each round and for
each way a new one is configured, and then looked at again by another way, which must find nothing to do.
With --params only the second run is measured, on a host where all ways find everything right; it writes
`peers-HOST.md`. The host needs python3 and python3-apt (for Ansible), and may be changed if a way disagrees.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache/peers"
Json = dict[str, Any]
Spent = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--params", type=Path, metavar="FILE", help="a host that is configured already")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.core:
        print(json.dumps(core(args.core)))
        return
    from benchmarks import peers_report
    from benchmarks.result import save

    programs = environment()
    if args.params:
        found = on_own_host(args.params.resolve(), programs, args.rounds)
        name = f"peers-{args.params.stem}.md"
    else:
        found, name = on_target(programs, args.rounds), "peers.md"
        save("peers", peers_report.rows(found), versions=peers_report.versions(programs))
    (HERE / name).write_text(peers_report.report(found, programs, name), encoding="utf-8")
    print((HERE / name).read_text(encoding="utf-8"))


def core(file: str) -> Json:
    """Apply the notebook's steps through the Python package; return how they ended and what took how long."""
    began = time.monotonic()
    from benchmarks.peers_ways import NOTEBOOK
    from runbook import open_host
    from runbook.steps import steps_of

    imported = time.monotonic()
    book = open_host(file, "apply", notebook=NOTEBOOK)
    opened = time.monotonic()
    for name in steps_of(NOTEBOOK, book.params.release):
        book.apply(name)
    applied = time.monotonic()
    ends = [end.status for end in book._ended.values()]
    book.summary()
    times = {"import": imported - began, "look": opened - imported, "steps": applied - opened}
    return {"ends": ends, "times": {**times, "close": time.monotonic() - applied}}


def environment() -> Path:
    """Return the folder of the peers' commands, installed now unless they are there as `requirements.txt` says."""
    wanted, folder = (HERE / "peers/requirements.txt").read_text(), CACHE / "venv"
    note = folder / "requirements.txt"
    if not note.exists() or note.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
        subprocess.run([*pip, HERE / "peers/requirements.txt"], check=True)
        note.write_text(wanted)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "runbook"], check=True)
    return folder / "bin"


def on_target(programs: Path, rounds: int) -> Json:
    """Return first and second runs of each way, each first run on a fresh host."""
    from benchmarks import peers_target
    from benchmarks.peers_ways import WayFailed, values, ways
    from runbook.params import load

    file = HERE / "peers/host.yml"
    if lacking := peers_target.lacking():
        sys.exit(f"a host cannot be made here without {', '.join(lacking)}; --params FILE takes one of yours")
    peers_target.root(CACHE, [*values(load(file))["packages"], "python3", "python3-apt"])
    found: Json = {"first": {}, "second": {}, "rounds": rounds, "host": "target"}
    for number in range(rounds):
        for name in ("notebook", "package", "ansible", "pyinfra"):
            with peers_target.running(CACHE) as target, scratch(target.ssh) as folder:
                every = ways(file, programs, folder)
                first = once(every[name], target.spent)
                if not first["changes"]:
                    raise WayFailed(f"{every[name].label} found a fresh host right already")
                found["first"].setdefault(name, []).append(first)
                agree(every["package" if name != "package" else "ansible"], target.spent)
                if name == "pyinfra":
                    take_turns(every, target.spent, 1, found["second"])
                    found["floors"] = floors(target.ssh)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return found


def on_own_host(file: Path, programs: Path, rounds: int) -> Json:
    """Return second runs of each way on a host that is configured already; else `WayFailed`."""
    from benchmarks.peers_ways import ways
    from runbook.params import load

    params = load(file)
    ssh = [
        "ssh",
        "-F",
        str((HERE.parent / str(params.connection.config)).resolve()),
        str(params.connection.to),
    ]
    found: Json = {"second": {}, "rounds": rounds, "host": file.stem}
    with scratch(ssh) as folder:
        take_turns(ways(file, programs, folder), None, rounds, found["second"])
        found["floors"] = floors(ssh)
    return found


def take_turns(every: Json, spent: Spent | None, rounds: int, found: Json) -> None:
    """Add second runs of all ways; before them each runs once uncounted, which opens Ansible's connection."""
    for number in range(rounds + 1):
        for name, way in every.items():
            seen = agree(way, spent)
            if number:
                found.setdefault(name, []).append(seen)
            print(f"{name}: {seen['seconds']:.1f} s{'' if number else ', not counted'}", file=sys.stderr)


def once(way: Any, spent: Spent | None) -> Json:
    """Return one run: seconds, processor seconds here and on the host, its changes, and what it tells of itself."""
    from benchmarks.peers_ways import carried_out

    on_host, began, here = spent() if spent else 0.0, time.monotonic(), used()
    text = carried_out(way)
    seconds, cpu = time.monotonic() - began, used() - here
    more = way.told(text) if way.told else {}
    return {
        "seconds": seconds,
        "here": cpu,
        "there": spent() - on_host if spent else None,
        "changes": way.changes(text),
        **more,
    }


def agree(way: Any, spent: Spent | None) -> Json:
    """Return one run of a way that changed nothing; raises `WayFailed` when it did."""
    from benchmarks.peers_ways import WayFailed

    seen = once(way, spent)
    if seen["changes"]:
        raise WayFailed(f"{way.label} changed {seen['changes']} things of a host that is configured already")
    return seen


def used() -> float:
    """Return the processor seconds of this process's children that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def floors(ssh: list[str]) -> Json:
    """Return the seconds of what no way can save: a connection that does nothing, and a kernel that only imports."""
    connect = [*ssh[:1], "-o", "ControlPath=none", *ssh[1:], "true"]
    return {"connection": middle(connect), "kernel": middle([sys.executable, "-c", ONE_CELL])}


ONE_CELL = """
import sys

sys.modules["rfc3987_syntax"] = None  # as the runbook does: a second of imports that nobody needs

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

NotebookClient(new_notebook(cells=[new_code_cell("from runbook import open_host")])).execute()
"""


def middle(argv: list[str]) -> float:
    """Return the median seconds of a command, run three times."""
    seen = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen.append(time.monotonic() - began)
    return sorted(seen)[1]


@contextmanager
def scratch(ssh: list[str]) -> Iterator[Path]:
    """Yield a folder for what the runs leave, Ansible's open connection among them, which is closed at the end."""
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        try:
            yield Path(name)
        finally:
            argv = [*ssh[:1], "-o", f"ControlPath={name}/line", "-O", "exit", *ssh[1:]]
            subprocess.run(argv, capture_output=True, check=False)


if __name__ == "__main__":
    main()
