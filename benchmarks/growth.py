"""How cost grows: with hosts, devices, guests, and what commands say. A curve each, its exponent, and a picture.

    .venv/bin/python -m benchmarks.growth [--only hosts devices guests output] [--rounds 3]     or: make bench BENCH=growth

Hosts: fleets of copies of the recorded host, notebook 10 alone, two at a time (`benchmarks.fleet`). Devices and
guests: the recorded host with more of them (`benchmarks.made_up`): the plans of all steps of all notebooks as cells
show them, with their checks; the table that a notebook and the host's page show; the table of facts of `runbook facts`.
Output: a command on this machine that prints lines of 100 bytes, carried out as a step does it and shown as its cell does.
A part that is not asked for keeps its last results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import fleet, made_up
from benchmarks.curve import Points, slope, steepest, svg
from benchmarks.result import FOLDER, Row, machine, peak_mib, save
from runbook.params import HostParams

HERE = Path(__file__).parent
PLOTS = HERE / "plots"
HOSTS, DEVICES, GUESTS = (1, 10, 100, 200), (10, 100, 500, 1000), (10, 50, 100)
OUTPUT = (10**6, 10**7, 10**8, 5 * 10**8, 10**9)
"""The last step is a doubling: over a decade what is linear hides what is not."""
Curves = dict[str, Points]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="the least of so many counts, %(default)s")
    parser.add_argument("--output", type=int, metavar="BYTES", help="one measurement of output, as JSON")
    args = parser.parse_args()
    if args.output:
        print(json.dumps(one_output(args.output)))
        return
    PLOTS.mkdir(exist_ok=True)
    for name in args.only:
        measure, title, x, y = PARTS[name]
        curves = measure(args.rounds)
        picture = svg(title, x, y, curves)
        (PLOTS / f"growth-{name}.svg").write_text(picture, encoding="utf-8")
        save(f"growth_{name}", rows(name, curves), more={"curves": curves})
    text = page()
    (HERE / "growth.md").write_text(text, encoding="utf-8")
    print(text)


def hosts(_: int) -> Curves:
    """Return the processor seconds, the seconds by the clock and the parent's MiB of fleets."""
    cpu, clock, memory = [], [], []
    for count in HOSTS:
        with tempfile.TemporaryDirectory(prefix="bench-growth-") as folder:
            seen = fleet.measured(Path(folder), count, 2, "10")
        assert set(seen["states"]) == {"completed"}, seen["states"]
        print("hosts", count, round(seen["cpu"], 1), round(seen["seconds"], 1), file=sys.stderr)
        cpu.append((count, seen["cpu"]))
        clock.append((count, seen["seconds"]))
        memory.append((count, seen["parent_mib"]))
    return {"processor seconds": cpu, "seconds by the clock": clock, "MiB of the parent": memory}


def devices(rounds: int) -> Curves:
    """Return the seconds of plans, table of devices and table of facts."""
    return _grown(rounds, DEVICES, made_up.with_devices, "devices")


def guests(rounds: int) -> Curves:
    """Return the seconds of plans, table of guests and table of facts."""
    return _grown(rounds, GUESTS, made_up.with_guests, "guests")


def _grown(rounds: int, sizes: tuple[int, ...], host: Callable[[int], HostParams], table: str) -> Curves:
    from runbook.fleet import facts as tables
    from runbook.show import tables as shown
    from runbook.steps import notebooks

    curves: dict[str, list[tuple[float, float]]] = {"plan": [], "page": [], "facts": []}
    shown.show(table, host(sizes[0]), made_up.facts_of(host(sizes[0]), "00_introduction"))  # imports
    for size in sizes:
        params = host(size)
        looks = {name: made_up.facts_of(params, name) for name in notebooks()}
        assert _size(looks, table) >= size, "the host was not made so large"

        def facts_table(params: HostParams = params, looks: Any = looks) -> None:
            for look in looks.values():
                tables.table(list(tables.rows_of(params.host, "now", "made up", look)))

        works: dict[str, Callable[[], object]] = {
            "plan": lambda params=params, looks=looks: list(_plans(params, looks)),  # type: ignore[misc]
            "page": lambda params=params, looks=looks: shown.show(table, params, looks["00_introduction"]),  # type: ignore[misc]
            "facts": facts_table,
        }
        for name, work in works.items():
            least = min(_timed(work) for _ in range(rounds))
            print(table, size, name, round(least, 3), file=sys.stderr)
            curves[name].append((size, least))
    return dict(curves)


def _size(looks: dict[str, Any], table: str) -> int:
    """Return how many devices or guests the answers speak of."""
    from runbook.facts import guest_files, pci

    if table == "devices":
        return len(pci.parse(looks["00_introduction"]))
    return len({line.partition(":")[0] for line in looks["08_guests"][guest_files.FILES].out.splitlines()})


def _plans(params: HostParams, looks: dict[str, Any]) -> Iterator[object]:
    from runbook.show import steps as views
    from runbook.steps import steps_of

    for notebook, facts in looks.items():
        for step in steps_of(notebook, params.release).values():
            yield views.plan(step, step.plan(params, facts), facts)
            yield step.check(params, facts)


def _timed(work: Callable[[], object]) -> float:
    """Return the processor seconds of a piece of work: what else the machine does is not in them."""
    began = time.process_time()
    work()
    return time.process_time() - began


def output(_: int) -> Curves:
    """Return seconds and peak MiB of a process that carries out a command which prints so much."""
    seconds, memory = [], []
    for size in OUTPUT:
        argv = [sys.executable, "-m", "benchmarks.growth", "--output", str(size)]
        done = subprocess.run(argv, cwd=HERE.parent, capture_output=True, text=True, check=True)
        seen = json.loads(done.stdout)
        print("output", size, seen, file=sys.stderr)
        seconds.append((size / 1e6, seen["seconds"]))
        memory.append((size / 1e6, seen["peak_mib"]))
    return {"seconds": seconds, "peak MiB": memory}


def one_output(size: int) -> dict[str, float]:
    """Return processor seconds and peak memory of this process after one command that prints `size` bytes."""
    from runbook.actions import Run
    from runbook.engine.apply import carry_out
    from runbook.hosts.exchange import Limits
    from runbook.hosts.local import LocalHost
    from runbook.show import steps as views
    from runbook.show.live import Live
    from runbook.steps.guests import start_guests

    lines = 0

    def line(text: str) -> None:
        nonlocal lines
        lines += 1
        live.line(text)

    live, host = Live(is_real=True), LocalHost(Limits(mib=2048))
    action = Run(("sh", "-c", f"yes {'x' * 99} | head -c {size}"), timeout_s=3600)
    began = time.process_time()
    result = carry_out(action, host, line)
    end = views.Outcome("start_guests", "changed", "done", ((action.title, result),))
    shown = views.outcome(start_guests, end)
    assert lines == size // 100, f"{lines} lines were handed on"
    assert "x" * 99 in shown.html
    return {"seconds": time.process_time() - began, "peak_mib": peak_mib()}


PARTS: dict[str, tuple[Callable[[int], Curves], str, str, str]] = {
    "hosts": (hosts, "A fleet of recorded hosts, notebook 10", "hosts", "seconds; MiB"),
    "devices": (devices, "A host with many PCI devices", "devices passed through", "processor seconds"),
    "guests": (guests, "A host with many guests", "guests", "processor seconds"),
    "output": (output, "A command that says much", "MB of output", "processor seconds; MiB"),
}


def rows(part: str, curves: Curves) -> list[Row]:
    """Return the rows of results of a part."""
    if part == "hosts":
        cpu = curves["processor seconds"]
        most, seconds = cpu[-1]
        return [
            Row("growth-hosts", steepest(cpu), _ends(cpu, "s")),
            Row("host-seconds", seconds / most, f"{most:g} hosts"),
        ]
    if part == "output":
        memory = curves["peak MiB"]
        return [
            Row("growth-output-seconds", steepest(curves["seconds"]), _ends(curves["seconds"], "s")),
            Row("growth-output-memory", steepest(memory), _ends(memory, "MiB")),
        ]
    return [
        Row(f"growth-{part}-{name}", steepest(points), _ends(points, "s")) for name, points in curves.items()
    ]


def _ends(points: Points, unit: str) -> str:
    return f"{points[0][1]:.3g} {unit} at {points[0][0]:g}, {points[-1][1]:.3g} {unit} at {points[-1][0]:g}"


def page() -> str:
    """Return the page of all parts that were ever measured."""
    lines = []
    for part in PARTS:
        path = FOLDER / f"growth_{part}.json"
        if not path.exists():
            lines.append(f"| {part} | not measured | | | |")
            continue
        for name, points in json.loads(path.read_text(encoding="utf-8"))["curves"].items():
            seen = ", ".join(f"{size:g}: {value:.3g}" for size, value in points)
            lines.append(f"| {part} | {name} | {seen} | {slope(points):.2f} | {slope(points[-2:]):.2f} |")
    table = "\n".join(lines)
    pictures = "\n\n".join(f"![{PARTS[part][1]}](plots/growth-{part}.svg)" for part in PARTS)
    return f"""# How cost grows

The exponent is the slope when both axes are logarithmic: 1 is linear, 2 quadratic, 0 flat.

| what grows | what it costs | size: cost | exponent | of the last step |
| --- | --- | --- | --- | --- |
{table}

{pictures}

Hosts: a fleet of notebook 10 alone, two at a time: processor seconds of all processes, which what else the machine does hardly changes; seconds by the clock, which it does; and the memory of the process that leads it.
Devices and guests: processor seconds, the least of several times; `plan` is all steps of all notebooks, planned, shown and checked; `page` is the table that the notebook and the host's page show; `facts` is the table of `runbook facts`.
Output: a command that prints lines of 100 bytes, carried out and shown as a step does; processor seconds and peak memory of the whole process.

{machine()}.

Made by `make bench BENCH=growth`.
"""


if __name__ == "__main__":
    main()
