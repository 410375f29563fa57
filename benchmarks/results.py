"""All rows in one table: `benchmarks/RESULTS.md`, from what each benchmark wrote to `benchmarks/results/`.

    python -m benchmarks.results [--strict]     or, after all benchmarks: make bench

What was not measured is called that. With --strict the exit code is 1 when a row misses its aim or was not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.aims import AIMS
from benchmarks.result import FOLDER

HERE = Path(__file__).parent
Json = dict[str, Any]
NOT = "not measured"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="end with 1 unless every row holds")
    args = parser.parse_args()
    found = load(FOLDER)
    text = page(found)
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(text)
    if args.strict and not all(verdicts(found).values()):
        sys.exit(1)


def load(folder: Path) -> list[Json]:
    """Return what the benchmarks wrote, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def measured(found: list[Json]) -> dict[str, Json]:
    """Return each row of the aims with the number that was measured for it, {} where there is none.

    Raises `ValueError` when two benchmarks report one row, or one reports a row that is none.
    """
    rows: dict[str, Json] = {aim.row: {} for aim in AIMS}
    for result in found:
        for row in result["rows"]:
            if rows.get(row["row"]) != {}:
                raise ValueError(f"{result['benchmark']}: '{row['row']}' is no row, or was reported before")
            rows[row["row"]] = row
    return rows


def verdicts(found: list[Json]) -> dict[str, bool | None]:
    """Return whether each row keeps to its aim as it is now, None where nothing was measured."""
    rows = measured(found)
    return {aim.row: aim.holds(rows[aim.row]["value"]) if rows[aim.row] else None for aim in AIMS}


def table(found: list[Json]) -> str:
    """Return the table: work, peer, aim, measured, holds."""
    rows, holds = measured(found), verdicts(found)
    verdict = {True: "yes", False: "**no**", None: ""}
    lines = ["| work | peer | aim | measured | holds |", "| --- | --- | --- | --- | --- |"]
    for aim in AIMS:
        row = rows[aim.row]
        value = f"{row['value']:g} {aim.unit}".rstrip() if row else NOT
        note = f"; {row['note']}" if row.get("note") else ""
        lines.append(f"| {aim.work} | {aim.peer} | {aim.text} | {value}{note} | {verdict[holds[aim.row]]} |")
    return "\n".join(lines)


def page(found: list[Json]) -> str:
    """Return RESULTS.md."""
    seen = [holds for holds in verdicts(found).values() if holds is not None]
    about = "\n".join(
        f"| {one['benchmark']} | {one['date']} | {one['machine']} | {one.get('load', '')} "
        f"| {', '.join(f'{name} {number}' for name, number in one['versions'].items())} |"
        for one in found
    )
    plots = sorted(path.name for path in (HERE / "plots").glob("*.svg"))
    pictures = "\n\n".join(
        f"![{name.removesuffix('.svg').replace('-', ' ')}](plots/{name})" for name in plots
    )
    return f"""# Speed and size, side by side

{len(AIMS)} rows, {len(seen)} measured, {sum(seen)} of these hold.
Ratios compare within one run on one machine, both sides taking turns.
Each benchmark has a page of its own beside this one; [PROFILE.md](PROFILE.md) says what costs, what was changed, and what floor is left.

{table(found)}

## How cost grows

The exponent of a curve is its slope when both axes are logarithmic, the steeper of all of it and of its last step: 1 is linear, 2 quadratic.

{pictures or NOT}

## Machine and versions

| benchmark | measured on | machine | load | versions |
| --- | --- | --- | --- | --- |
{about or f"| {NOT} | | | | |"}

The load is how many processes wanted a processor (5 minutes' average): a benchmark alone makes 1 to 2; where it is far above, other work ran, and times by the clock are not to be trusted.

Made by `make bench`.
"""


if __name__ == "__main__":
    main()
