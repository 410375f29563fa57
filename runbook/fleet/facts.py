"""What many hosts are, as one table: from their last good reports, or asked now."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from runbook.drift import guests, kept
from runbook.drift.compare import things_of
from runbook.drift.things import WATCHED
from runbook.engine.journal import now
from runbook.errors import ParamsError
from runbook.evidence import archive
from runbook.evidence.drift import asks_of
from runbook.hosts import connect
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.steps import notebooks
from runbook.text import csv

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("host", "seen", "source", "kind", "name", "field", "value")
NOW = "asked now"
DRIFT = "drift"
LOOKED, NEVER = "looked for drift", "never looked"
"""The kind of the row that says since when drift was looked for, and what stands for a host without it."""
UNSEEN = "not looked at"
"""The kind of the row that names a kind of thing of which nothing was asked: none seen is not none there."""
UNKNOWN = "not known"
"""The kind of the row that says why nobody knows which guests run: it was asked, and nothing answered."""
Row = tuple[str, ...]


def of_report(reports: Path, host: str) -> list[Row]:
    """Return a row for each field of each thing that the last good report of a host saw, and for each drift.

    The last good report is the newest of a run that completed and kept its facts; drift is what the newest run
    that looked for it found. Raises `ParamsError` when there is no good report.
    """
    runs = archive.newest_first(reports, host)
    done = (run for run in runs if run["outcome"] == "completed" and run["connection"] != "capture")
    good = next((run for run in done if _has_facts(reports, run)), None)
    if good is None:
        raise ParamsError(
            f"There is no good report of {host}",
            where=str(reports),
            do="make one: runbook check; or ask the host itself: --now",
        )
    rows = list(rows_of(host, good["started"], good["id"], kept.load(reports / good["place"])))
    return [*rows, *_drift(reports, runs)]


def asked_now(params: HostParams, reports: Path) -> list[Row]:
    """Return the same of a host as it is now, after one look; only reads, and no report is made.

    Passwords and keys are digests as in a report. Raises `ParamsError` for a recorded host, `HostError`
    for one that cannot be asked or understood.
    """
    if params.connection.kind in ("recorded", "capture"):
        raise ParamsError(f"{params.host} is no machine that can be asked now", do="leave out --now")
    asks = asks_of(params, notebooks())
    host = connect(params, kept.LAST)
    try:
        facts = host.gather(dict.fromkeys(asks))
    finally:
        host.close()
    with TemporaryDirectory() as folder:
        kept.keep(Path(folder), kept.LAST, facts)
        clean = Facts(kept.load(Path(folder)), facts.of)
    drift = _drift(reports, archive.newest_first(reports, params.host))
    return [*rows_of(params.host, now(), NOW, clean, is_strict=True), *drift]


def rows_of(host: str, seen: str, source: str, facts: Facts, *, is_strict: bool = False) -> Iterator[Row]:
    """Yield a row for each field of each thing that is watched (`runbook.drift.things`), for each kind not asked for, and where no guest could be seen.

    With `is_strict` an answer that cannot be understood is an `UnreadableAnswer`; else its things are left out.
    """
    for watched in WATCHED:
        things = things_of(watched, facts, is_strict=is_strict)
        if things is None and watched.kind:
            yield (host, seen, source, UNSEEN, watched.kind, "", "")
        if watched.kind == "guest" and things is not None and (why := guests.unanswered(facts)):
            yield (host, seen, source, UNKNOWN, watched.kind, "why", why)
        for name, fields in (things or {}).items():
            what = (watched.kind, name) if watched.kind else (name, "")
            for field, value in fields.items():
                yield (host, seen, source, *what, field, value)


def table(rows: list[Row]) -> pd.DataFrame:
    """Return the rows as a table with `COLUMNS`, all of them texts."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="string")


def values(facts: pd.DataFrame, kind: str, field: str) -> pd.Series[Any]:
    """Return a field's value of each host that has it."""
    return facts[(facts.kind == kind) & (facts.field == field)].set_index("host")["value"]


def summary(facts: pd.DataFrame) -> pd.DataFrame:
    """Return a line a host: release, kernel, Xen, devices that are not dom0's, running guests, and how much drifted."""
    import pandas as pd

    away = facts[(facts.kind == "device") & (facts.field == "belongs to") & (facts["value"] != "dom0")]
    running = facts[facts.kind == "guest"].drop_duplicates(["host", "name"])
    columns = {
        "seen": facts.groupby("host")["seen"].max().str[:16],
        "system": values(facts, "system", "is"),
        "kernel": values(facts, "kernel", "runs"),
        "Xen": values(facts, "Xen", "runs"),
        "passed": away.groupby("host").size(),
        "guests": running.groupby("host").size(),
        "drifted": facts[facts.kind == DRIFT].groupby("host").size(),
    }
    found = pd.DataFrame(columns)
    counted = ["passed", "guests", "drifted"]
    found[counted] = found[counted].fillna(0).astype(int)
    looked = set(facts[facts.kind == LOOKED].host)
    found["drifted"] = [n if host in looked else NEVER for host, n in found["drifted"].items()]
    unknown = set(facts[facts.kind == UNKNOWN].host)
    for column, kind in (("passed", "device"), ("guests", "guest")):
        unseen = set(facts[(facts.kind == UNSEEN) & (facts.name == kind)].host)
        found[column] = [
            UNSEEN if host in unseen else UNKNOWN if host in unknown else n
            for host, n in found[column].items()
        ]
    return found.fillna(dict.fromkeys(("system", "kernel"), UNSEEN)).fillna("")


def prove_writable(path: Path) -> None:
    """Raise `ParamsError` unless a table can be written as such a file: .csv, or .parquet with a package for it."""
    if path.suffix not in (".csv", ".parquet"):
        raise ParamsError(f"{path} is neither .csv nor .parquet", do="give the file one of these endings")
    if path.suffix == ".parquet" and not any(map(_is_there, ("pyarrow", "fastparquet"))):
        raise ParamsError(
            "Parquet needs fastparquet, which is not installed",
            do="pip install -e '.[fleet]' in the project's folder, or write a .csv",
        )


def _is_there(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def write(facts: pd.DataFrame, path: Path) -> None:
    """Write the table as .csv, in which nothing is a formula, or raw as .parquet, as the file's ending says."""
    if path.suffix == ".csv":
        csv.write(facts, path)
    else:
        facts.to_parquet(path, index=False)


def _has_facts(reports: Path, run: dict[str, Any]) -> bool:
    return bool(kept.notebooks(reports / run["place"]))


def _drift(reports: Path, runs: list[dict[str, Any]]) -> Iterator[Row]:
    if looked := archive.newest_drift(reports, runs):
        run, found = looked
        if found["since"]:
            yield (run["host"], run["started"], run["id"], LOOKED, "since", "run", found["since"]["run"])
        for change in found["changes"]:
            what = (DRIFT, f"{change.get('kind', '')} {change.get('name', '')}".strip(), change["by"])
            yield (run["host"], run["started"], run["id"], *what, change["line"])
