"""What the testbed's recordings say, for tests that look into their files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from runbook.book.replay import unrecorded_line
from runbook.hosts import recording as files
from runbook.params import HostParams, load
from runbook.steps import name_of, notebooks, steps_of

ROOT = Path(__file__).parents[1]
FIRST, AGAIN = ROOT / "recordings/testbed", ROOT / "recordings/testbed-again"


@cache
def params() -> HostParams:
    return load(ROOT / "params/example.yml")


class Said(dict[str, Any]):
    """Answers by question. A test that needs one which no machine gave yet is skipped, and says what to record."""

    def __missing__(self, key: str) -> Any:
        for notebook, steps in notebooks().items():
            for step in steps:
                if key in {ask.key for ask in step.asks(params())} and key not in last(AGAIN, notebook):
                    pytest.skip(unrecorded_line(name_of(step)))
        raise KeyError(key)


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


@cache
def recorded(notebook: str) -> list[str]:
    """Return the steps of a notebook that were recorded, and all of whose questions were, in order."""
    first, again = files.load(FIRST, notebook), files.load(AGAIN, notebook)
    return [
        name
        for name, step in steps_of(notebook).items()
        if name in first
        and name in again
        and {ask.key for ask in step.asks(params())}
        <= last(FIRST, notebook).keys() & last(AGAIN, notebook).keys()
    ]
