"""A host's attested runs without a kernel: made by the archive itself, in a moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from runbook.attestation import keys
from runbook.evidence import archive
from runbook.evidence.record import RunRecord

FIRST = datetime.fromisoformat("2026-01-01T10:00:00Z")
MADE_WITH = {
    "source": {"commit": "c" * 40, "dirty": False},
    "python": "3.11.7",
    "controller": "Linux x86_64",
    "packages": {"click": "8.1"},
}


def alone(monkeypatch, folder: Path) -> None:
    """Let there be no signing key but those that a test makes."""
    monkeypatch.delenv(keys.ENV, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))


def record(number: int, host: str = "toy", connection: str = "local") -> RunRecord:
    """Return the record of a run that begins on the n-th day."""
    begun = FIRST + timedelta(days=number)
    return RunRecord(
        id=f"{begun:%Y%m%dT%H%M%SZ}-{number:06x}",
        host=host,
        release="trixie",
        connection=connection,
        mode="apply",
        params={"path": "params/toy.yml", "digest": "d" * 12},
        made_with=MADE_WITH,
        started=begun.isoformat(),
    )


def archived(
    reports: Path,
    number: int,
    outcome: str = "completed",
    params: str = "host: toy\n",
    mode: str = "apply",
    host: str = "toy",
) -> Path:
    """Archive the n-th run of a host and return its folder; the outcome `running` leaves it open."""
    run = record(number, host, "recorded" if "recorded" in params else "local")
    run.mode = mode
    file = reports.with_name("params.yml")
    file.write_text(params)
    place = archive.create(reports, run, file)
    (place / "05_now.ipynb").write_text('{"cells": []}\n')
    (place / "journal.jsonl").write_text('{"event": "open", "machine": "00eaea0f29a6"}\n')
    archive.save(place, run)
    if outcome != "running":
        run.close(outcome, 0 if outcome == "completed" else 1)
        run.ended = (datetime.fromisoformat(run.started) + timedelta(minutes=5)).isoformat()
        archive.close(place, run)
    return place
