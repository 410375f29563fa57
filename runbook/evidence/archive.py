"""The report folder: `reports/<host>/<utc>-<id>/`, of a plan below `reports/<host>/plans`, and the pages that lead to it."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from runbook.attestation import keys, rollover, tombstone
from runbook.attestation.closing import attest
from runbook.attestation.places import PLANS, files_of, host_of, is_plan
from runbook.attestation.statement import CLOSING, NAME, PRUNED, RECORD
from runbook.attestation.statement import read as attested
from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.controller.locks import locked
from runbook.engine import journal
from runbook.errors import ParamsError, RunbookError
from runbook.evidence import host as hosts
from runbook.evidence import notebook_html, pages, plans, shapes
from runbook.evidence import standing as standings
from runbook.evidence.fleets.newest import newest
from runbook.evidence.record import NotebookRecord, RunRecord
from runbook.evidence.sweep import sweep
from runbook.evidence.timeline import timeline
from runbook.text.moments import when
from runbook.text.printable import printable

log = logging.getLogger("runbook.evidence")
Json = dict[str, Any]
DRIFT = "drift.json"
UNMADE = ".*Z-??????.part"
"""Folders of runs that are being made."""
_AT = "%Y%m%dT%H%M%SZ"


def new_id(reports: Path, host: str) -> str:
    """Return the name of a host's next run, `<utc>-<random>`: later than every run before it.

    Names tell which run came first, to the way back, to drift and to prune; a clock that was set back must not.
    """
    at, last = datetime.now(UTC), ""
    for path in files_of(reports, "journal.jsonl", host):
        last = max(last, path.parent.name.partition("-")[0])
    with suppress(ValueError):
        at = max(at, begun_at(last) + timedelta(seconds=1))
    return f"{at.strftime(_AT)}-{secrets.token_hex(3)}"


def create(reports: Path, record: RunRecord, params: Path) -> Path:
    """Return the new folder of a run, with its record, a copy of its parameters and an empty journal in it.

    It is there whole or not at all: a run that is killed in this moment has a record, or never was one.

    Nobody else can look into it: a journal holds the originals of files that only root could read on the host.
    Raises `ParamsError` for a signing key that could not sign when the run ends, hours later, or for which nobody
    would take it.
    """
    rollover.require_holds(reports, keys.operator())
    place = reports / record.host / (PLANS if record.is_plan else "") / record.id
    unmade = place.with_name(f".{place.name}.part")
    make_folder(place.parent)
    try:
        unmade.mkdir(mode=0o700)
        write_atomic(unmade / "params.yml", params.read_text(encoding="utf-8"))
        write_atomic(unmade / "journal.jsonl", "")
        _write(unmade, record, RECORD)
        unmade.rename(place)
    except OSError as error:
        shutil.rmtree(unmade, ignore_errors=True)
        raise unwritable(place, error) from error
    return place


def make_folder(folder: Path) -> None:
    """Make a folder of reports where there is none. Raises `RunbookError` when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def begun_at(run: str) -> datetime:
    """Return when a run was begun, from its name. Raises `ValueError`."""
    return datetime.strptime(run.partition("-")[0], _AT).replace(tzinfo=UTC)


def save(place: Path, record: RunRecord) -> None:
    """Write `run.json` and the run's page. Raises `RunbookError` when they cannot be written."""
    try:
        _write(place, record, RECORD)
    except OSError as error:
        raise unwritable(place, error) from error


def close(place: Path, record: RunRecord) -> None:
    """Seal the run, then write the lists of runs above it; of plans the newest stay (`plans.thin`).

    Raises `RunbookError` when that cannot be written.
    """
    seal(place, record, _key())
    host, reports = host_of(place), host_of(place).parent
    try:
        if is_plan(place):
            plans.thin(host)
        refresh(reports, record.host)
    except OSError as error:
        raise unwritable(reports, error) from error


def seal(place: Path, record: RunRecord, key: keys.SigningKey | None) -> None:
    """Write the run's last word, look once more for secrets, and attest it.

    Only the runner that wrote the run has a `key` for it: who finishes it for a dead one did not see what
    is in it. Nothing is written in the folder afterwards. Raises `RunbookError` when it cannot be written, or
    is attested already.
    """
    if plain.is_there(place / NAME):
        raise RunbookError("The run is attested already", where=str(place), do="runbook report verify")
    record.signed_by = key.public.fingerprint if key else None
    try:
        _write(place, record, CLOSING)
        for path in sweep(place):
            log.warning("%s held a secret that was not known yet when it was written; it is masked now", path)
        attest(place, record.as_dict(), key)
    except (OSError, plain.NotPlain) as error:
        raise unwritable(place, error) from error


def _write(place: Path, record: RunRecord, name: str) -> None:
    content = record.as_dict()
    write_atomic(place / "index.html", run_page(place, content))
    # Last: it is what says how the run stands.
    write_atomic(place / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def run_page(place: Path, run: Json) -> str:
    """Return the page of a run: what its `run.json` says, and when it has ended where its time went."""
    lines = () if run["outcome"] == "running" else journal.read(place / "journal.jsonl")
    return pages.run_page(run, drift(place), timeline(run, lines), "../../" if is_plan(place) else "../")


def refresh(reports: Path, *names: str) -> None:
    """Write `index.html` of all reports and of these hosts anew, from the records that are there.

    One at a time: of runs that end together, the one that read first must not write last.
    """
    with locked(reports):
        runs, looked = write_index(reports)
        for name in names:
            mine = [run for run in runs if run["host"] == name]
            if not mine:  # nothing that can be read: its old page says more than none
                continue
            gone = list(find_pruned(reports, name))
            standing = standings.of(reports / name, mine)
            page = pages.runs_page(
                mine, name, hosts.facts_of(reports / name, mine), looked, pruned=gone, standing=standing
            )
            write_atomic(reports / name / "index.html", page)


def write_index(reports: Path) -> tuple[list[Json], dict[str, Json]]:
    """Write `index.html` of all reports; return its runs, the newest first, and what each found changed."""
    runs = newest_first(reports)
    looked = {run["id"]: found for run in runs if (found := drift(reports / run["place"]))}
    page = pages.runs_page(runs, drift=looked, fleets=newest(reports), pruned=list(find_pruned(reports)))
    write_atomic(reports / "index.html", page)
    return runs, looked


def drift(place: Path) -> Json | None:
    """Return what a run found changed on its host (`runbook.evidence.drift`), None when it did not look."""
    try:
        found: Json = plain.read_json(place / DRIFT)
        shapes.prove_drift(found)
    except (OSError, ValueError):
        return None
    return found


def newest_drift(reports: Path, runs: Iterable[Json]) -> tuple[Json, Json] | None:
    """Return the first of these runs that looked for drift, with what it found; None when none did."""
    looked = ((run, drift(reports / run["place"])) for run in runs)
    return next(((run, found) for run, found in looked if found), None)


def newest_first(reports: Path, name: str = "*") -> list[Json]:
    """Return what `find_runs` finds of all hosts, or of one, the newest run first (`new_id`)."""
    return sorted(find_runs(reports, name), key=lambda run: str(run["id"]), reverse=True)


def find_runs(reports: Path, name: str = "*") -> Iterator[Json]:
    """Yield the content of every `run.json` of a run or a plan that can be read and lies where its host and id say.

    `place` is added: its folder, seen from that of all reports.
    """
    for path in files_of(reports, RECORD, name):
        place = path.parent
        try:
            run = plain.read_json(path)
            shapes.prove_run(run)
            if (run["host"], run["id"]) == (host_of(place).name, place.name):
                yield run | {"place": str(place.relative_to(reports))}
        except (OSError, ValueError) as error:
            log.warning("%s is left out of the lists: %s", printable(path), printable(error))


def find_pruned(reports: Path, name: str = "*") -> Iterator[Json]:
    """Yield what is still known of each pruned run: host, id, mode, outcome, when it began, when and how it was pruned."""
    for path in sorted(reports.glob(f"{name}/*/{PRUNED}")):
        if plain.is_there(path.with_name(RECORD)):
            continue  # a copy that was handed on: its record is there
        try:
            statement, record = attested(path.parent), tombstone.read(path.parent)
        except (OSError, ValueError, RunbookError) as error:
            log.warning("%s is left out of the lists: %s", printable(path), printable(error))
            continue
        if record and (statement.host, statement.run) == (path.parent.parent.name, path.parent.name):
            yield {"host": statement.host, "id": statement.run, "mode": statement.mode, "outcome": statement.outcome,
                   "started": statement.started, "pruned": record.at.isoformat(), "rule": record.rule}  # fmt: skip


def notebook_page(place: Path, record: RunRecord, entry: NotebookRecord, nb: NotebookNode) -> str | None:
    """Write an executed notebook as HTML; return the file's name, None when that was not possible.

    The executed notebook is the evidence; that its page cannot be made ends no run.
    """
    failure = record.failure if record.failure and record.failure.notebook == entry.name else None
    book = {
        "name": entry.name,
        "title": entry.title,
        "host": record.host,
        "status": entry.status,
        "when": when(record.started),
        "failure": failure,
        "home": "../../" if is_plan(place) else "../",
        "siblings": [(other.name, other.title, other.html) for other in record.notebooks],
    }
    try:
        write_atomic(place / f"{entry.name}.html", notebook_html.notebook_page(nb, book))
    except Exception:
        log.exception("no page for %s", entry.name)
        return None
    return f"{entry.name}.html"


def _key() -> keys.SigningKey | None:
    """Return the key that signs; one that went away during the run costs the signature, not the report."""
    try:
        return keys.operator()
    except ParamsError as error:
        log.warning("the report is not signed: %s", error)
        return None


def unwritable(place: Path, error: OSError | plain.NotPlain) -> RunbookError:
    """Return the error for a person that a report, or what is kept beside it, cannot be written."""
    return RunbookError(
        "The report cannot be written",
        where=str(place),
        why=getattr(error, "strerror", None) or str(error),
        do="free some space or choose another folder with --reports, then run again",
    )
