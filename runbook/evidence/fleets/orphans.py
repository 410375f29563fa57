"""Fleet runs whose parent died: told from those that are under way, and their record finished for them."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook.attestation.places import files_of
from runbook.attestation.statement import RECORD
from runbook.controller.atomic import write_atomic
from runbook.controller.locks import let_go, locked
from runbook.evidence.fleets.page import fleet_page
from runbook.evidence.fleets.record import CLAIMS, FILE, FOLDER, STOP, FleetRecord, HostState
from runbook.evidence.outcomes import KERNEL_DIED

log = logging.getLogger("runbook.fleet")


def finish_fleets(reports: Path) -> list[FleetRecord]:
    """Finish the records of fleet runs whose parent died, and return them.

    How a host ended stands in its own report. One whose runner still tidies up keeps the fleet open until the next time.
    """
    finished: list[FleetRecord] = []
    if not (reports / FOLDER).is_dir():
        return finished
    _remove_unbegun(reports / FOLDER)
    for path in sorted(reports.glob(f"{FOLDER}/*/{FILE}")):
        try:
            with let_go(path.parent) as is_mine:
                if is_mine and _is_open(path) and (record := _finish(path, reports)):
                    finished.append(record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s stays as it is: %s", path, error)
    return finished


def _remove_unbegun(fleets: Path) -> None:
    """Remove folders of fleet runs that were killed before their first record: no host had been begun."""
    with suppress(OSError), locked(fleets):  # who makes one has this until it is held
        for folder in fleets.glob("*Z-fleet-??????"):
            if not folder.is_symlink() and {path.name for path in folder.iterdir()} <= {CLAIMS, STOP}:
                with let_go(folder) as is_mine:
                    if is_mine:
                        shutil.rmtree(folder, ignore_errors=True)


def _is_open(path: Path) -> bool:
    return path.is_file() and '"outcome": "running"' in path.read_text(encoding="utf-8")


def _finish(path: Path, reports: Path) -> FleetRecord | None:
    record = FleetRecord.from_dict(json.loads(path.read_text(encoding="utf-8")))
    if record.outcome != "running":
        return None
    for host in record.hosts:
        if host.state == "running" and not _end(host, reports):
            return None
    record.outcome = "killed"
    content = record.as_dict()
    write_atomic(path.parent / "index.html", fleet_page(content))
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return record


def _end(host: HostState, reports: Path) -> bool:
    """Take over how a host ended from its own report; return whether it has ended."""
    run = _run_of(host, reports)
    if run is None:
        host.state, host.exit_code = "killed", KERNEL_DIED
        host.message = "its runner ended without a word, before its report was begun"
        return True
    if run["outcome"] == "running":
        return False
    failure = run["failure"] or {}
    host.state, host.report = str(run["outcome"]), str(run["place"])
    host.exit_code = KERNEL_DIED if run["exit_code"] is None else int(run["exit_code"])
    host.message = str(failure.get("message", ""))
    return True


def _run_of(host: HostState, reports: Path) -> dict[str, Any] | None:
    """Return the record of the run that was begun for a host: its first one after the fleet had begun it."""
    for path in sorted(files_of(reports, RECORD, host.host), key=lambda path: path.parent.name):
        run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if run["started"] >= (host.started or ""):
            return run | {"place": str(path.parent.relative_to(reports))}
    return None
