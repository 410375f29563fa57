"""Reports as runs on a machine would have written them: those of the recorded host, sealed anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from runbook.attestation.statement import NAME, RECORD
from runbook.evidence import archive
from runbook.evidence.record import RunRecord
from tests.recorded import ROOT

SAMPLE = ROOT / "reports/sample/testbed"
Change = Callable[[Path], None]


def sealed(
    reports: Path, *changes: Change, connection: str = "ssh", host: str = "testbed", only: str = ""
) -> Path:
    """Return a folder of a host's reports: the sample's runs, each changed by `changes` before it is sealed.

    `only` is a notebook: runs that kept none of its answers are left out.
    """
    for run in sorted(path for path in SAMPLE.iterdir() if (path / RECORD).is_file()):
        if only and not (run / f"facts/{only}.json").exists():
            continue
        place = reports / host / run.name
        shutil.copytree(run, place)
        (place / NAME).unlink()
        record = RunRecord.from_dict(json.loads((place / RECORD).read_text()))
        record.connection, record.host = connection, host
        for change in changes:
            change(place)
        archive.close(place, record)
    return reports / host


def facts(change: Callable[[dict[str, list]], None]) -> Change:
    """Return a change to the answers that each notebook of a run kept."""

    def apply(place: Path) -> None:
        for path in (place / "facts").glob("*.json"):
            content = json.loads(path.read_text())
            change(content["answers"])
            path.write_text(json.dumps(content))

    return apply


def text(before: str, after: str, *names: str) -> Change:
    """Return a change of a text in the files of a run."""

    def apply(place: Path) -> None:
        for path in (found for name in names for found in place.glob(name)):
            path.write_text(path.read_text().replace(before, after))

    return apply
