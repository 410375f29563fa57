"""Many recorded hosts at once: how long against the ideal, and how much memory.

    .venv/bin/python -m benchmarks.fleet [--hosts 8] [--parallel 2] [--only 07] [--write]     or: make bench-fleet HOSTS=200

Makes copies of params/example.yml with other host names in a temporary folder and runs them by `runbook fleet`, a
process of its own. The ideal is the time of one run by itself, seen first and last on the same machine, times the
rounds that so many hosts take. Memory is the sum of proportional set sizes (what is shared is counted once), looked
at twice a second: of the parent alone, and of all that it started.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.family import spent, watch
from benchmarks.result import Row, save
from runbook.guests.config import uuid_of
from runbook.params import load

HERE = Path(__file__).parent
ROOT = HERE.parent
ALONE = 3
"""Runs by itself before the fleet, and as many after it; their median is the measure."""
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", help="one notebook of each host, instead of all")
    parser.add_argument("--write", action="store_true", help="write benchmarks/fleet.md and its results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as name:
        seen = measured(Path(name), args.hosts, args.parallel, args.only)
    text = report(seen)
    if args.write:
        (HERE / "fleet.md").write_text(text, encoding="utf-8")
        save("fleet", rows(seen), packages=("papermill", "nbclient", "ipykernel"))
    print(text)
    sys.exit(0 if set(seen["states"]) == {"completed"} else 1)


def measured(folder: Path, hosts: int, parallel: int, only: str | None) -> Json:
    """Return times and peaks of a fleet of so many recorded hosts, and how its hosts ended."""
    paths = copies(folder, hosts)
    narrow = ["--only", only] if only else []
    alone = [one(folder / "alone", paths[0], narrow) for _ in range(ALONE)]
    argv = [
        *RUNBOOK,
        "fleet",
        *paths,
        "--parallel",
        str(parallel),
        "--reports",
        str(folder / "all"),
        "--json",
        *narrow,
    ]
    began, cpu = time.monotonic(), spent()
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        peaks = watch(process)
        assert process.stdout is not None
        fleet = json.loads(process.stdout.read())
    seconds, cpu = time.monotonic() - began, spent() - cpu
    alone += [one(folder / "alone", paths[0], narrow) for _ in range(ALONE)]
    prove_apart(folder / "all", fleet)
    return {
        "seconds": seconds, "cpu": cpu, "alone": alone, "hosts": hosts, "parallel": parallel, "only": only,
        "states": [host["state"] for host in fleet["hosts"]], **peaks,
    }  # fmt: skip


RUNBOOK = (sys.executable, "-c", "import sys; from runbook.cli import main; main(prog_name='runbook')")


def copies(folder: Path, hosts: int) -> list[str]:
    """Return the parameter files of so many hosts, each with a recording of its own: the one there is, under its name.

    A host's name is in its answers and in what is done to it, and its guests' identities are made from it,
    so both are changed in all of them alike.
    """
    source = ROOT / "params/example.yml"
    params, text = load(source), source.read_text(encoding="utf-8")
    recording = params.connection.recording
    files = sorted(path for path in (ROOT / recording).rglob("*") if path.is_file())
    recorded = {path.relative_to(ROOT / recording): path.read_text(encoding="utf-8") for path in files}
    # In JSON the letter of an escaped tab or line end stands before the name.
    name = re.compile(rf"(?:(?<=\\[nt])|\b){params.host}\b")
    ids = {uuid_of(params, guest): guest for guest in params.guests}
    paths = []
    for number in range(hosts):
        mine = params.model_copy(update={"host": f"host{number:03}"})
        place = folder / "recordings" / mine.host
        for file, answers in recorded.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            answers = name.sub(mine.host, answers)
            for old, guest in ids.items():
                answers = answers.replace(old, uuid_of(mine, guest))
            (place / file).write_text(answers, encoding="utf-8")
        described = name.sub(mine.host, text.replace(f"recording: {recording}", "recording: HERE"))
        path = folder / f"{mine.host}.yml"
        path.write_text(described.replace("recording: HERE", f"recording: {place}"), encoding="utf-8")
        paths.append(str(path))
    return paths


def one(reports: Path, params: str, narrow: list[str]) -> tuple[float, float]:
    """Return the seconds of one run by itself, by the clock and of the processors."""
    argv = [*RUNBOOK, "run", params, "--reports", str(reports), "--quiet", *narrow]
    began, cpu = time.monotonic(), spent()
    subprocess.run(argv, cwd=ROOT, capture_output=True, check=False)
    return time.monotonic() - began, spent() - cpu


def prove_apart(reports: Path, fleet: Json) -> None:
    """Raise unless each host has one report of its own, whose journal is of it, and no file of which names another."""
    names = re.compile(r"\bhost\d{3}\b")
    for host in fleet["hosts"]:
        folder = reports / host["report"]
        lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
        opened = {line["host"] for line in lines if line["event"] == "open"}
        runs = list((reports / host["host"]).glob("*/run.json"))
        if opened != {host["host"]} or len(runs) != 1 or host["host"] not in host["report"]:
            raise SystemExit(f"cross-talk: {host['host']} has {len(runs)} runs, and a journal of {opened}")
        for file in (path for path in folder.rglob("*") if path.is_file()):
            if others := set(names.findall(file.read_text(errors="replace"))) - {host["host"]}:
                raise SystemExit(f"cross-talk: {file} names {', '.join(sorted(others))}")


def ideal_of(seen: Json) -> float:
    """Return the seconds that the fleet would take if its runs did not know of each other."""
    rounds = math.ceil(seen["hosts"] / seen["parallel"])
    return rounds * statistics.median(seconds for seconds, _ in seen["alone"])


def rows(seen: Json) -> list[Row]:
    """Return the figures as rows of results."""
    about = f"{seen['hosts']} hosts, {seen['parallel']} at a time"
    return [
        Row("fleet-ideal", seen["seconds"] / ideal_of(seen), about),
        Row("fleet-memory", seen["all_mib"], about),
    ]


def report(seen: Json) -> str:
    """Return the figures as a page."""
    rounds = math.ceil(seen["hosts"] / seen["parallel"])
    alone_cpu = sum(cpu for _, cpu in seen["alone"]) / len(seen["alone"])
    ideal = ideal_of(seen)
    ends = ", ".join(f"{seen['states'].count(state)} {state}" for state in sorted(set(seen["states"])))
    what = f"notebook {seen['only']}" if seen["only"] else "all notebooks"
    return f"""# A fleet of recorded hosts

{seen["hosts"]} hosts, {what}, {seen["parallel"]} at a time: {ends}. No report and no journal speaks of another host.

| what | seen |
| --- | --- |
| one run by itself, before and after | {", ".join(f"{seconds:.1f} s" for seconds, _ in seen["alone"])} |
| the fleet | {seen["seconds"]:.1f} s |
| ideal: {rounds} rounds of one run | {ideal:.1f} s |
| wall time / ideal | {seen["seconds"] / ideal:.2f} |
| processor time of the fleet / so many runs by themselves | {seen["cpu"]:.1f} s / {alone_cpu * seen["hosts"]:.1f} s = {seen["cpu"] / alone_cpu / seen["hosts"]:.2f} |
| peak memory of the parent | {seen["parent_mib"]:.0f} MiB |
| peak memory of all | {seen["all_mib"]:.0f} MiB in up to {seen["processes"]:.0f} processes |

One run by itself has all processors, and two processes (runner and kernel) that seldom work at once.
Processor time hardly depends on what else the machine does, wall time does.
{os.cpu_count()} processors, {platform.system()} {platform.release().split("-")[0]}, Python {platform.python_version()}.

Made by `make bench-fleet`.
"""


if __name__ == "__main__":
    main()
