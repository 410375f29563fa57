"""What evidence costs: the same notebook by plain nbclient, by our engine, as a whole run, and by papermill alone.

    .venv/bin/python -m benchmarks.evidence [--cells 200] [--rounds 9]     or: make bench-evidence

Each cell prints 100 KB. Every way is a process of its own, and they take turns, so that whatever else
the machine does slows all of them. Seconds from the notebook's beginning to all of it on the disk; the imports
are not in it. Ratios to nbclient in the same round; medians, and the least of each way against the least.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from benchmarks.result import Row, load, machine, peak_mib, save

HERE = Path(__file__).parent
PARAMETERS = 'params = "params/toy.yml"\nmode = "plan"'
CELL = 'for n in range(1000): print(f"{n:04} " + "x" * 94)'
"""A thousand lines of a hundred bytes."""
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "CELLS"), help="one measurement, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measured(args.one[0], int(args.one[1]))))
        return
    seen: dict[str, list[Json]] = {way: [] for way in WORDS}
    for number in range(args.rounds):
        for way, found in seen.items():
            if way == "papermill" and number:
                continue  # it writes the whole notebook twice a cell, which takes minutes
            found.append(one(way, args.cells))
            print(way, found[-1], file=sys.stderr)
    memory = {
        cells: {way: one(way, cells)["memory"] for way in KEEPS}
        for cells in (args.cells // 4, 2 * args.cells)
    }
    text = report(seen, args.cells, memory)
    (HERE / "evidence.md").write_text(text, encoding="utf-8")
    if args.cells >= 200:  # a trial with fewer is no result
        about = f"{args.cells} cells, median of {args.rounds} rounds; papermill's own engine: {wall(seen, 'papermill'):.1f} ×"
        most = memory[2 * args.cells]
        results = [Row(row, wall(seen, way), about) for row, way in ROWS.items()]
        results.append(
            Row(
                "cells-memory",
                most["run"] / most["nbclient"],
                f"{most['run']:.0f} MiB, {2 * args.cells} cells",
            )
        )
        save("evidence", results, packages=PACKAGES)
    print(text)


def one(way: str, cells: int) -> Json:
    """Return one measurement, made by a process of its own."""
    argv = [sys.executable, "-m", "benchmarks.evidence", "--one", way, str(cells)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=HERE.parent)
    return json.loads(done.stdout.splitlines()[-1])


def measured(way: str, cells: int) -> Json:
    """Return wall and processor seconds (of this process and its kernel), and this process's memory in MiB."""
    with tempfile.TemporaryDirectory(prefix="bench-evidence-") as name:
        folder = Path(name)
        (folder / "notebooks").mkdir()
        (folder / "params").mkdir()
        (folder / "params/toy.yml").write_text("host: toy\nconnection: {kind: local}\n")
        source = folder / "notebooks/05_work.ipynb"
        nbformat.write(notebook(cells), source)
        go, out = WAYS[way](folder, source)
        before = peak_mib()
        began, cpu = time.monotonic(), spent()
        go()
        seconds, cpu = time.monotonic() - began, spent() - cpu
        size = next(folder.glob(out)).stat().st_size
        assert size > cells * 100_000, f"{way} wrote {size} bytes"
    return {"seconds": seconds, "cpu": cpu, "memory": peak_mib() - before}


def spent() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def notebook(cells: int) -> nbformat.NotebookNode:
    first = new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]})
    nb = new_notebook(cells=[first, *(new_code_cell(CELL, id=f"c{n}") for n in range(cells))])
    nb.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nb


def by_nbclient(folder: Path, source: Path) -> tuple[Callable[[], Any], str]:
    from nbclient import NotebookClient

    def go() -> None:
        nb = nbformat.read(source, 4)
        NotebookClient(nb, kernel_name="python3").execute()
        nbformat.write(nb, folder / "out.ipynb")

    return go, "out.ipynb"


def by_papermill(folder: Path, source: Path, **options: Any) -> tuple[Callable[[], Any], str]:
    import papermill

    return (
        lambda: papermill.execute_notebook(source, folder / "out.ipynb", progress_bar=False, **options),
        "out.ipynb",
    )


def by_engine(folder: Path, source: Path) -> tuple[Callable[[], Any], str]:
    import runbook.runner.engine  # noqa: F401

    return by_papermill(folder, source, engine_name="runbook")


def by_run(folder: Path, source: Path) -> tuple[Callable[[], Any], str]:
    import nbconvert.exporters  # noqa: F401

    from runbook import steps
    from runbook.runner.run import run

    steps.notebooks()  # imports the modules of all steps

    def go() -> None:
        done = run(
            folder / "params/toy.yml", reports=folder / "reports", notebooks=source.parent, on_event=bool
        )
        assert done.exit_code == 0, done.message

    return go, "reports/toy/*/05_work.ipynb"


WAYS: dict[str, Callable[[Path, Path], tuple[Callable[[], Any], str]]] = {
    "nbclient": by_nbclient,
    "engine": by_engine,
    "run": by_run,
    "papermill": by_papermill,
}
KEEPS = ("nbclient", "engine", "run")
"""Ways that keep the notebook in memory while it runs."""
ROWS = {"cells-engine": "engine", "cells-run": "run"}
PACKAGES = ("nbclient", "papermill", "nbformat", "ipykernel", "nbconvert")
WORDS = {
    "nbclient": "nbclient alone, saved once at the end: the floor",
    "engine": "`papermill --engine runbook`: statuses, saved every 5 s",
    "run": "`runbook run`: also journal, record and the HTML pages",
    "papermill": "papermill's own engine",
}


def wall(seen: dict[str, list[Json]], way: str) -> float:
    """Return how many times as long as nbclient a way takes, the median of the rounds."""
    return statistics.median(
        a["seconds"] / b["seconds"] for a, b in zip(seen[way], seen["nbclient"], strict=False)
    )


def rows(seen: dict[str, list[Json]]) -> str:
    """Return a line a way: its ratios to nbclient, and its memory."""
    lines = []
    floor = seen["nbclient"]
    for way, found in seen.items():
        cpu = statistics.median(a["cpu"] / b["cpu"] for a, b in zip(found, floor, strict=False))
        least = min(a["seconds"] for a in found) / min(b["seconds"] for b in floor)
        memory = statistics.median(a["memory"] for a in found)
        lines.append(f"| {WORDS[way]} | {wall(seen, way):.2f} | {least:.2f} | {cpu:.2f} | {memory:.0f} |")
    return "\n".join(lines)


def grown(memory: dict[int, dict[str, float]]) -> str:
    """Return a line a size: the MiB of each way."""
    return "\n".join(
        f"| {cells} | " + " | ".join(f"{found[way]:.0f}" for way in KEEPS) + " |"
        for cells, found in memory.items()
    )


def report(seen: dict[str, list[Json]], cells: int, memory: dict[int, dict[str, float]]) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    head = "| way | time, median | time, least | processor, median | memory, MiB |\n| --- | --- | --- | --- | --- |"
    return f"""# What evidence costs

Times as many as nbclient's, in the same round. Memory is what the run takes on top of its imports.

{cells} cells that print 100 KB each, {len(seen["nbclient"])} rounds:

{head}
{rows(seen)}

How memory grows, MiB on top of the imports, one measurement each. It is the notebook's outputs, which nbclient, too,
keeps until all has run; what a whole run takes beyond that does not grow with them.

| cells | {" | ".join(KEEPS)} |
| --- |{" --- |" * len(KEEPS)}
{grown(memory)}

papermill's own engine ran once, beside the first round: it writes the whole notebook twice a cell, and so takes the
longer for each cell the more there are.
All ways take turns, each in a process of its own; the least is the least of a way against the least of nbclient.
{machine()}, Python {platform.python_version()}; {versions}. The load at the end was {load()}.

Made by `make bench-evidence`.
"""


if __name__ == "__main__":
    main()
