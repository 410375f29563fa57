"""What a benchmark hands on, beside its page: `benchmarks/results/<name>.json`, read by `benchmarks.results`.

    {"benchmark": "one_host", "date": "2026-11-26",
     "machine": "2 processors (AMD EPYC), 7.8 GiB, Linux 6.1.0",
     "load": 0.4, "versions": {"python": "3.11.7", "nbclient": "0.11.0"},
     "rows": [{"row": "run-ratio", "value": 1.21, "aim": "≤ 1.3 ×", "holds": true, "note": "medians of 3 rounds"}]}

`row` is one of `benchmarks.aims`, `value` the plain number in the aim's unit; aim and verdict come from there.
`load` is how many processes wanted a processor at the end (5 minutes' average): far above what the benchmark itself
takes, its times are not to be trusted. A row that was not measured is left out. A benchmark ends with `save("one_host", [Row("run-ratio", 1.21)])`.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.aims import BY_ROW

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One number that was measured, for one row of `benchmarks.aims`, and how it was come by."""

    row: str
    value: float
    note: str = ""


def save(
    benchmark: str,
    rows: Iterable[Row],
    *,
    packages: Iterable[str] = (),
    versions: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
    folder: Path = FOLDER,
) -> Path:
    """Write a benchmark's rows and return the file.

    `packages` are Python packages whose versions matter, `versions` those of other tools,
    `more` what the benchmark itself wants to find again.
    Raises `KeyError` for a row that `benchmarks.aims` does not know.
    """
    known = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    content = {
        "benchmark": benchmark,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "load": load(),
        "versions": {**known, **(versions or {})},
        "rows": [as_json(row) for row in rows],
        **(more or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{benchmark}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def as_json(row: Row) -> dict[str, object]:
    """Return a row with its aim and verdict; the verdict is of the number as it is shown."""
    aim, value = BY_ROW[row.row], float(f"{row.value:.4g}")
    return {"row": row.row, "value": value, "aim": aim.text, "holds": aim.holds(value), "note": row.note}


def load() -> float:
    """Return how many processes wanted a processor, the average of 5 minutes."""
    return round(os.getloadavg()[1], 1)


def peak_mib() -> float:
    """Return the most memory that this process has had since it began, in MiB.

    Not `ru_maxrss`: that of a process begins with what its parent had when it made it (getrusage(2)).
    """
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak, "proc(5) has VmHWM since Linux 2.6.10"
    return int(peak[1]) / 1024


def machine() -> str:
    """Return processors, memory and kernel in a line; no name of the machine."""
    model = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    kernel = f"{platform.system()} {platform.release().split('-')[0]}"
    named = f" ({model[1].strip()})" if model else ""
    return f"{os.cpu_count()} processors{named}, {memory:.1f} GiB, {kernel}"
