"""The entries of a recording, for tests that look into its files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from runbook.hosts import recording as files
from runbook.steps import steps_of

ROOT = Path(__file__).parents[1]
FIRST, AGAIN = ROOT / "recordings/testbed", ROOT / "recordings/testbed-again"


@cache
def entries(recording: Path, notebook: str) -> tuple[files.Entry, ...]:
    """Return what happened in a notebook, in the order of its steps."""
    found = files.in_order(files.load(recording, notebook), steps_of(notebook))
    return tuple(entry for _, entry in found)


def gathers(recording: Path, notebook: str) -> list[dict[str, list]]:
    """Return the answers of each look of a notebook, those that were new or different."""
    return [entry["gather"] for entry in entries(recording, notebook) if "gather" in entry]


def last(recording: Path, notebook: str) -> dict[str, list]:
    """Return the last answer to each question of a notebook."""
    return {key: said for gather in gathers(recording, notebook) for key, said in gather.items()}
