"""What changed on a host since its last good report: `drift.json`, and how it is found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runbook.controller.atomic import write_atomic
from runbook.drift import authors, files, kept
from runbook.drift.compare import Change, compare
from runbook.errors import ParamsError
from runbook.evidence import archive
from runbook.evidence.record import RunRecord
from runbook.facts import files as modes
from runbook.facts import identity, system
from runbook.hosts import Host, connect
from runbook.hosts.control import Line
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.steps import steps_of

Json = dict[str, Any]


def last_look(params: HostParams, place: Path, *, everything: bool, line: Line | None = None) -> None:
    """Keep a real host's file modes with the run, and with `everything` all answers afresh.

    An apply run has to look once more: what its first notebooks read, its later ones changed. A capture and a
    recording are never asked, nor is one being made disturbed. `line` is the connection of the run. Raises `HostError` when the host cannot be asked.
    """
    if (
        not kept.notebooks(place)
        or params.connection.kind in ("recorded", "capture")
        or os.environ.get("RUNBOOK_RECORD")
    ):
        return
    asks = asks_of(params, sorted(kept.notebooks(place)) if everything else ())
    if paths := files.paths(kept.load(place)):
        asks += modes.commands(*paths)
    host = connect(params, kept.LAST, line)
    try:
        kept.keep(place, kept.LAST, host.gather(dict.fromkeys(asks)))
    finally:
        host.close()


def asks_of(params: HostParams, notebooks: Iterable[str]) -> list[Ask]:
    """Return what a look at a whole host asks: which installation it is, what runs, and all that these notebooks' steps ask."""
    asks: list[Ask] = [*identity.COMMANDS, Ask.read("/etc/default/grub")]
    for notebook in notebooks:
        asks += system.COMMANDS
        for step in steps_of(notebook, params.release).values():
            asks += step.asks(params)
    return asks


def keep_changes(reports: Path, record: RunRecord) -> Json:
    """Return what changed on a host since its last good report, and by whom; write it as `drift.json`.

    `since` is None when there is no such report: then nothing can be compared yet.
    """
    place = reports / record.host / record.id
    facts = kept.load(place)
    found: Json = {
        "format": 1,
        "machine": kept.machine(facts),
        "since": None,
        "not_looked_at": [book.name for book in record.notebooks if book.name not in kept.notebooks(place)],
        "changes": [],
    }
    if base := last_good(reports, place, is_recorded=record.connection == "recorded"):
        before = reports / base["place"]
        between = (p for p in sorted(place.parent.iterdir()) if before.name < p.name < place.name)
        done = authors.deeds(between, kept.machine(facts))
        found["since"] = {"run": base["id"], "started": base["started"], "mode": base["mode"]}
        found["changes"] = [_row(c, authors.of(c, done)) for c in compare(kept.load(before), facts)]
    write_atomic(place / archive.DRIFT, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return found


def last_good(reports: Path, place: Path, *, is_recorded: bool) -> Json | None:
    """Return the newest earlier run that completed, kept its facts, and saw the same installation.

    It has to have looked at everything that the run in `place` looked at, and after its own last change.
    """
    machine, needs = kept.machine(kept.load(place)), kept.notebooks(place)
    for run in _good_runs(reports, place.parent.name, is_recorded=is_recorded):
        folder = reports / run["place"]
        if run["id"] >= place.name or not needs <= kept.notebooks(folder):
            continue
        if machine and kept.machine(kept.load(folder)) == machine:
            return run
    return None


def of_now(params: HostParams, reports: Path, host: Host) -> tuple[list[Change], Facts] | None:
    """Return what changed on a host since its last good report, and all its answers of now; None without such a report.

    Only reads, and makes no report. Raises `HostError` when the host cannot be asked.
    """
    for run in _good_runs(reports, params.host, is_recorded=params.connection.kind == "recorded"):
        before = reports / run["place"]
        answers = host.gather(dict.fromkeys(asks_of(params, sorted(kept.notebooks(before)))))
        with TemporaryDirectory() as folder:
            kept.keep(Path(folder), kept.LAST, answers)
            after = Facts(kept.load(Path(folder)), answers.of)
        if kept.machine(kept.load(before)) == kept.machine(after):
            return compare(kept.load(before), after), answers
    return None


def _good_runs(reports: Path, name: str, *, is_recorded: bool) -> Iterator[Json]:
    """Yield the runs of a host that what comes later can be measured by, the newest first.

    They completed in mode apply or check, on the host itself or with `is_recorded` on its recording, and kept facts
    from after their own last change. A plan, a capture and an undo say nothing of how the host should be.
    """
    for run in archive.newest_first(reports, name):
        if run["outcome"] != "completed" or run["mode"] not in ("apply", "check"):
            continue
        if run["connection"] == "capture" or (run["connection"] == "recorded") != is_recorded:
            continue
        folder = reports / run["place"]
        if kept.notebooks(folder) and _shows_the_end(folder, run):
            yield run


def changed(notebooks: Iterable[Json]) -> bool:
    """Return whether any step of these notebooks of a `run.json` changed something."""
    return any(step["status"] == "changed" for book in notebooks for step in book["steps"])


def _shows_the_end(folder: Path, run: Json) -> bool:
    """Return whether what a run kept is from after its own last change."""
    return not changed(run["notebooks"]) or (folder / kept.FOLDER / f"{kept.LAST}.json").exists()


def between_hosts(one: tuple[Path, str], other: tuple[Path, str]) -> tuple[str, str, list[Change]]:
    """Return the names of two reports and how the second differs from the first.

    Each is a folder of reports with a host, for its newest report that kept facts, or HOST/RUN. Raises `ParamsError` for one that is none,
    and for one whose facts are from before its own last changes: those would be taken for differences.
    """
    first, second = _facts_of(*one), _facts_of(*other)
    return first[0], second[0], compare(first[1], second[1])


def _facts_of(reports: Path, name: str) -> tuple[str, Facts]:
    host, _, run = name.strip("/").partition("/")
    found = [r for r in archive.newest_first(reports, host or "-") if run in ("", r["id"])]
    found = [r for r in found if (reports / r["place"] / kept.FOLDER).is_dir()]
    if not found:
        have = sorted(
            {r["host"] for r in archive.find_runs(reports) if (reports / r["place"] / kept.FOLDER).is_dir()}
        )
        raise ParamsError(
            f"No report of {name} has facts to compare",
            where=str(reports),
            do=f"give HOST or HOST/RUN; hosts with facts: {', '.join(have) or 'none yet: runbook check HOST'}",
        )
    for one in found:
        folder = reports / one["place"]
        if _shows_the_end(folder, one):
            return f"{host}/{one['id']}", kept.load(folder)
    raise ParamsError(
        f"What {name} kept is from before its own last changes",
        where=str(reports / host),
        why="it changed the host, and has no look at it afterwards: what it changed would be taken for differences",
        do="give another HOST/RUN, or make one that looks: runbook check PARAMS",
    )


def _row(change: Change, by: str) -> Json:
    return {"line": str(change), "by": by, "kind": change.kind, "name": change.name, "said": change.difference,
            "diff": change.diff}  # fmt: skip
