"""The journal: one JSON line for everything that begins or ends, on disk before the next thing happens.

It is what can still be trusted after a kernel was killed or a cable pulled: a step that began
and has no end in it was killed, one that never began was never run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.redaction import KNOWN

Line = dict[str, Any]


def now() -> str:
    """Return the time as it stands in journals and reports: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Appends events to one file, each flushed to the disk; with the path None it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def write(self, event: str, **fields: Any) -> None:
        """Append `{"at": …, "tick_s": …, "event": …, **fields}`. When it returns, the line is on the disk.

        `at` is for people; `tick_s` counts seconds that no correction of the clock moves, so that
        durations are true. It means nothing across a restart of the controller. Secrets are masked.
        """
        if self.path is None:
            return
        line = {"at": now(), "tick_s": round(time.monotonic(), 3), "event": event, **KNOWN.clean(fields)}
        text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            # A torn last line of a killed writer must not swallow this one.
            torn = (size := os.fstat(handle).st_size) and os.pread(handle, 1, size - 1) != b"\n"
            data = (("\n" if torn else "") + text).encode()
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: Path) -> list[Line]:
    """Return the events of a journal in order, [] when there is none, or something that is no file.

    A line that was torn when its writer died is left out: what it announced then counts as not
    said, which errs on the side of "killed".
    """
    try:
        data = plain.read(path, plain.LARGEST)
    except (FileNotFoundError, plain.NotPlain):
        return []
    return parse(data)


def parse(data: bytes) -> list[Line]:
    """Return the events in a piece of a journal.

    >>> parse(b'{"event": "open"}\\n{"event": "clo')
    [{'event': 'open'}]
    """
    lines: list[Line] = []
    for raw in data.split(b"\n"):
        try:
            value = plain.parse_json(raw)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("event"), str):
            lines.append(value)
    return lines


class Tail:
    """Hands out the events that were added to a journal since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = 0

    def new(self) -> list[Line]:
        """Return the events whose lines were completed since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._seen)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._seen += len(whole)
        return parse(whole)


def of_machine(lines: Iterable[Line], machine: str) -> list[Line]:
    """Return what was done on one installation: a run may make it, from a live system, and go on in it."""
    here, found = False, []
    for line in lines:
        if line["event"] == "open":
            here = line.get("machine") == machine
        if here:
            found.append(line)
    return found
