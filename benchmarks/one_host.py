"""One recorded host: the whole run beside nbclient, its memory, the start of a command, and the plan of a step.

    .venv/bin/python -m benchmarks.one_host [--rounds 3]     or: make bench BENCH=one_host

Run and nbclient take turns, each in a process of its own. The run is the whole command by the clock, from the shell
and back; of nbclient only the notebooks count, parameters put in by papermill's own function, and neither its start
nor its imports. Memory is the sum of proportional set sizes of the run and all that it started.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.family import spent, watch
from benchmarks.result import Row, machine, save

HERE = Path(__file__).parent
ROOT = HERE.parent
PARAMS, NOTEBOOK, STEP = "params/example.yml", "06_xen_configuration", "hide_devices"
PACKAGES = ("nbclient", "papermill", "nbformat", "ipykernel", "pydantic", "click")
RUNBOOK = (sys.executable, "-c", "import sys; from runbook.cli import main; main(prog_name='runbook')")
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=("nbclient", "plan"), help="one measurement, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps({"nbclient": by_nbclient, "plan": a_plan}[args.one]()))
        return
    runs, floors = [], []
    for _ in range(args.rounds):
        runs.append(a_run())
        floors.append(one("nbclient"))
        print(runs[-1], floors[-1], file=sys.stderr)
    starts = {
        "python": clocked([sys.executable, "-c", "pass"], 4 * args.rounds),
        "import": clocked([sys.executable, "-c", "import runbook.cli"], 4 * args.rounds),
        "help": clocked([*RUNBOOK, "--help"], 4 * args.rounds),
        "plan command": clocked(
            [*RUNBOOK, "plan", PARAMS, "--only", STEP, "--reports"], args.rounds, reports=True
        ),
    }
    plans = [one("plan") for _ in range(args.rounds)]
    save("one_host", rows(runs, floors, starts, plans), packages=PACKAGES)
    text = page(runs, floors, starts, plans)
    (HERE / "one_host.md").write_text(text, encoding="utf-8")
    print(text)


def one(what: str) -> Json:
    """Return one measurement, made by a process of its own."""
    argv = [sys.executable, "-m", "benchmarks.one_host", "--one", what]
    before = spent()
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT)
    found: Json = json.loads(done.stdout.splitlines()[-1])
    return found | {"process_cpu": spent() - before}


def a_run() -> Json:
    """Return seconds by the clock and of the processors, and the peak memory, of one whole run."""
    with tempfile.TemporaryDirectory(prefix="bench-one-host-") as reports:
        argv = [*RUNBOOK, "run", PARAMS, "--reports", reports, "--quiet"]
        began, before = time.monotonic(), spent()
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            peaks = watch(process, every_s=0.2)
            process.wait()
        seconds = time.monotonic() - began
        record = json.loads(next(Path(reports).glob("*/*/run.json")).read_text(encoding="utf-8"))
        assert record["outcome"] == "completed", record
    return {"seconds": seconds, "process_cpu": spent() - before, **peaks}


def by_nbclient() -> Json:
    """Return the seconds that nbclient takes for all notebooks: executed in order, and written."""
    import nbformat
    from nbclient import NotebookClient
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    from runbook.runner.selection import select

    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-one-host-") as folder:
        for path in select(ROOT / "notebooks"):
            began = time.monotonic()
            source = load_notebook_node(str(path))
            nb = parameterize_notebook(source, {"params": PARAMS, "mode": "auto"})
            NotebookClient(nb, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
            nbformat.write(nb, Path(folder) / path.name)
            seconds[path.stem] = time.monotonic() - began
    return {"seconds": sum(seconds.values()), "notebooks": seconds}


def a_plan() -> Json:
    """Return the seconds of importing the runbook, of opening a notebook's book, and of one plan of it (the worst of 5)."""
    began = time.monotonic()
    from runbook import open_host

    imported = time.monotonic()
    book = open_host(PARAMS, notebook=NOTEBOOK)
    opened = time.monotonic()
    plans = []
    for _ in range(5):
        start = time.monotonic()
        book.plan(STEP)
        plans.append(time.monotonic() - start)
    return {"import": imported - began, "open": opened - imported, "plan": max(plans)}


def clocked(argv: list[str], times: int, *, reports: bool = False) -> list[float]:
    """Return how long a command takes, each time; once before, nothing is in the caches."""
    seen = []
    for _ in range(times + 1):
        with tempfile.TemporaryDirectory(prefix="bench-one-host-") as folder:
            began = time.monotonic()
            subprocess.run([*argv, *([folder] if reports else [])], cwd=ROOT, check=True, capture_output=True)
            seen.append(time.monotonic() - began)
    return seen[1:]


def middle(found: list[Json], key: str) -> float:
    return statistics.median(one[key] for one in found)


def ratio(runs: list[Json], floors: list[Json], key: str) -> float:
    """Return how many times as much a run takes as nbclient in the same round, the median."""
    return statistics.median(a[key] / b[key] for a, b in zip(runs, floors, strict=True))


def rows(
    runs: list[Json], floors: list[Json], starts: dict[str, list[float]], plans: list[Json]
) -> list[Row]:
    """Return the figures as rows of results."""
    about = f"median of {len(runs)} rounds"
    times = f"median of {len(starts['help'])} times"
    return [
        Row("run-ratio", ratio(runs, floors, "seconds"), about),
        Row("run-seconds", middle(runs, "seconds"), about),
        Row(
            "run-memory", max(run["all_mib"] for run in runs), f"peak of {len(runs)} runs, runner and kernel"
        ),
        Row("import-seconds", statistics.median(starts["import"]), times),
        Row("help-seconds", statistics.median(starts["help"]), times),
        Row("plan-seconds", middle(plans, "plan"), _about_plan(starts, plans)),
    ]


def _about_plan(starts: dict[str, list[float]], plans: list[Json]) -> str:
    command = statistics.median(starts["plan command"])
    return (
        f'`book.plan("{STEP}")`; opening the book before it {middle(plans, "open"):.2f} s, and the whole command '
        f"`runbook plan --only {STEP}` with kernel and report {command:.1f} s"
    )


def page(runs: list[Json], floors: list[Json], starts: dict[str, list[float]], plans: list[Json]) -> str:
    """Return the figures as a page."""
    books = "\n".join(
        f"| {name} | {statistics.median(floor['notebooks'][name] for floor in floors):.2f} |"
        for name in floors[0]["notebooks"]
    )
    begins = "\n".join(
        f"| {name} | {statistics.median(seen):.2f} | {min(seen):.2f} | {max(seen):.2f} |"
        for name, seen in starts.items()
    )
    return f"""# One recorded host

The whole runbook on the recorded host, {len(runs)} rounds, beside nbclient over the same notebooks, taking turns.

| what | `runbook run` | nbclient | ratio |
| --- | --- | --- | --- |
| seconds by the clock, median | {middle(runs, "seconds"):.1f} | {middle(floors, "seconds"):.1f} | {ratio(runs, floors, "seconds"):.2f} |
| seconds, the least | {min(r["seconds"] for r in runs):.1f} | {min(f["seconds"] for f in floors):.1f} | {min(r["seconds"] for r in runs) / min(f["seconds"] for f in floors):.2f} |
| processor seconds, all processes, median | {middle(runs, "process_cpu"):.1f} | {middle(floors, "process_cpu"):.1f} | {ratio(runs, floors, "process_cpu"):.2f} |

The run's clock is that of the whole command; nbclient's is that of the notebooks alone.
Processor seconds are those of both whole processes with their kernels.
Memory of the run at its peak: {max(r["all_mib"] for r in runs):.0f} MiB, of which the runner {max(r["parent_mib"] for r in runs):.0f} MiB (proportional set sizes, looked at {runs[0]["looks"]:.0f} times a run).

nbclient's seconds a notebook, median:

| notebook | seconds |
| --- | --- |
{books}

Starting, as a process, seconds:

| what | median | least | most |
| --- | --- | --- | --- |
{begins}

`python` is `python -c pass`, the floor; `plan command` is `runbook plan {PARAMS} --only {STEP}`, which runs the whole notebook {NOTEBOOK} in a kernel and archives a report.
In a Python that runs already: the first import {middle(plans, "import"):.3f} s, `open_host` with all that it imports {middle(plans, "open"):.3f} s, and then `book.plan("{STEP}")` {middle(plans, "plan"):.4f} s, the worst of five.

{machine()}.

Made by `make bench BENCH=one_host`.
"""


if __name__ == "__main__":
    main()
