"""Whether a record that was read has the shape that the lists and pages take for granted.

Whoever can write a folder of reports can write anything there, and one odd record must not keep the others from
being listed, nor the next run from being closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

NUMBER, NUMBER_OR_NONE = (int, float), (int, float, type(None))
Shape = Mapping[str, Any]
RUN: Shape = {
    "host": str, "id": str, "mode": str, "outcome": str, "started": str, "release": str, "connection": str,
    "seconds": NUMBER_OR_NONE, "notebooks": list,
}  # fmt: skip
STEP: Shape = {"step": str, "status": str}


def prove_run(run: Any) -> None:
    """Raise `ValueError` when it is not the content of a `run.json`, as far as lists and pages read it."""
    _prove(run, RUN, "the record")
    _time(run["started"])
    for book in run["notebooks"]:
        _prove(book, {"name": str, "steps": list}, "a notebook")
        _prove_optional(book, {"file": (str, type(None)), "html": (str, type(None))}, "a notebook")
        for step in book["steps"]:
            _prove(step, STEP, "a step")
            _prove_optional(step, {"actions": (int, type(None)), "title": str, "message": str}, "a step")
    if run.get("failure") is not None:
        _prove(run["failure"], {"notebook": str, "message": str}, "the failure")


def prove_drift(found: Any) -> None:
    """Raise `ValueError` when it is not the content of a `drift.json`, as far as lists and pages read it."""
    _prove(found, {"since": (dict, type(None)), "changes": list}, "the drift")
    if found["since"]:
        _prove(found["since"], {"run": str, "mode": str, "started": str}, "the report before")
        _time(found["since"]["started"])
    for change in found["changes"]:
        _prove(change, {"line": str, "by": str}, "a change")
    missing = found.get("not_looked_at", [])
    if not isinstance(missing, list) or not all(isinstance(name, str) for name in missing):
        raise ValueError("what was not looked at is no list of names")


def prove_fleet(fleet: Any) -> None:
    """Raise `ValueError` when it is not the content of a `fleet.json`, as far as lists read it."""
    shape = {"started": str, "outcome": str, "asked": dict, "hosts": list, "seconds": NUMBER_OR_NONE}
    _prove(fleet, shape, "the fleet run")
    _time(fleet["started"])
    for host in fleet["hosts"]:
        _prove(host, {"state": str}, "a host")


def _prove(value: Any, shape: Shape, name: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    for key, kind in shape.items():
        if key not in value or not isinstance(value[key], kind) or isinstance(value[key], bool):
            raise ValueError(f"{name} has no right `{key}`")


def _prove_optional(value: Any, shape: Shape, name: str) -> None:
    _prove(value, {key: kind for key, kind in shape.items() if key in value}, name)


def _time(text: str) -> None:
    """Raise `ValueError` unless it is a time as `runbook.text.moments.when` takes it."""
    datetime.fromisoformat(text)
