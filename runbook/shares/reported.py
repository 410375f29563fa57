"""A host's reports, as far as they can be relied on for what was proved there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runbook import params as parameters
from runbook.attestation import keys
from runbook.attestation.statement import RECORD
from runbook.attestation.verify import GOOD, verify_host, verify_plans
from runbook.controller import plain
from runbook.drift import kept
from runbook.engine import journal
from runbook.errors import ParamsError
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.text.printable import printable

REAL = ("ssh", "local")
"""Connections to a machine that is there: a replay of a recording, and a capture, prove nothing."""


@dataclass(frozen=True)
class Report:
    """One run of which nothing was altered."""

    folder: Path
    content: dict[str, Any]
    """What its `run.json` says."""

    @property
    def day(self) -> str:
        """The day on which it ended."""
        return str(self.content["ended"] or self.content["started"])[:10]

    @cached_property
    def machines(self) -> frozenset[str]:
        """The installations that it was on: two where it made one from a live system; none where it does not say."""
        return frozenset(
            str(line["machine"]) for line in self._lines if _is_opened(line) and line.get("machine")
        )

    def lines(self, machines: Collection[str]) -> list[journal.Line]:
        """Return what its journal tells of these installations."""
        is_here, found = False, []
        for line in self._lines:
            if _is_opened(line):
                is_here = line.get("machine") in machines
            if is_here:
                found.append(line)
        return found

    @cached_property
    def _lines(self) -> list[journal.Line]:
        return journal.read(self.folder / "journal.jsonl")

    @cached_property
    def params(self) -> HostParams:
        """The parameters that it ran with."""
        return parameters.load(self.folder / "params.yml", is_kept=True)

    def facts(self, notebook: str) -> Facts:
        """Return the newest answers of one notebook, none when it kept none."""
        return kept.of(self.folder, notebook)


def _is_opened(line: journal.Line) -> bool:
    return bool(line["event"] == "open")


def reports(folder: Path) -> tuple[list[Report], list[str]]:
    """Return the runs of a host's folder of reports that count, the oldest first, and a line for each that does not.

    Every run is verified. Where the operator has a key, one that no known key signed does not count; without a key the
    digests alone have to hold.
    Raises `ParamsError` when there is no report, `CheckFailed` that names what was altered.
    """
    if not folder.is_dir():
        raise ParamsError(
            f"There is no report of {printable(folder.name)}",
            where=printable(folder),
            do="run it (`runbook run PARAMS --mode apply`), or name the folder of reports with --reports",
        )
    found: list[Report] = []
    left = []
    for run, why in _judged(folder):
        if why:
            left.append(f"{run.folder.name} does not count: {why}")
        else:
            found.append(run)
    return found, left


def _judged(folder: Path) -> Iterator[tuple[Report, str]]:
    known = keys.own()
    verdicts = [*verify_host(folder, known), *verify_plans(folder, known)]
    for verdict in sorted(verdicts, key=lambda verdict: verdict.folder.name):
        run = Report(verdict.folder, {})
        if verdict.attested is None or (known and verdict.status not in GOOD):
            yield run, f"{verdict.status}, {verdict.about}"
            continue
        try:
            content = plain.read_json(verdict.folder / RECORD)
            connection = str(content["connection"])
            run = Report(verdict.folder, content)
            run.params  # noqa: B018 - proves that they can be read
        except (OSError, ValueError, KeyError, TypeError, ParamsError) as error:
            yield run, f"it cannot be read ({printable(error).splitlines()[0][:120]})"
            continue
        yield run, "" if connection in REAL else f"its host was no machine but {connection}"
