"""`runbook report`: find and open what was archived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runbook.cli.meant import WHICH, Meant, meant, of_host
from runbook.cli.output import AS_JSON, Group, print_json
from runbook.errors import ParamsError
from runbook.text.folded import folded
from runbook.text.plural import plural
from runbook.text.printable import printable

REPORTS = click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RUNBOOK_REPORTS",
    help="Where reports are kept. [default: $RUNBOOK_REPORTS, else reports/ of the project]",
)


@click.group(cls=Group, short_help="Find, open, compare and verify the reports of earlier runs.")
def report() -> None:
    """List, open and compare the reports of earlier runs, verify that nobody altered them, prune old ones, copy them.

    A report holds the executed notebooks as .ipynb and HTML, run.json, the journal, and an index
    page; it needs no network to be read.

    A report is named by its host, HOST/RUN, RUN or the beginning of one, by the path of anything in it, or by the
    address that the browser shows. A mistyped one is answered with "did you mean …?".

    \b
    Examples:
      runbook report list
      runbook report open myhost
      runbook report open myhost/20260131T101500Z-1a2b3c
      runbook report audit myhost
      runbook report verify
    """


@report.command("list")
@click.argument("which", required=False, metavar=WHICH)
@AS_JSON
@REPORTS
def list_(which: str | None, as_json: bool, reports: Path | None) -> None:
    """List runs, the newest first.

    Of each: HOST/RUN, mode, how it ended, how many steps changed something. Of one host, or the run of a path; all if left out. The name of a run begins with when it began, in UTC. Runs
    that were pruned come last. Of plans the newest five of each host are kept.

    \b
    Examples:
      runbook report list
      runbook report list myhost
      runbook report list myhost --json
    """
    from runbook.evidence.archive import find_pruned
    from runbook.text.moments import when

    found, runs = runs_of(which, reports)
    pruned = [run for run in find_pruned(found.reports, found.host or "*") if found.fits(run)]
    if as_json:
        print_json([*map(_row, runs), *pruned])
        return
    rows = [_row(run) for run in runs]
    abouts = [f"{run['changed']} of {plural(run['steps'], 'step')} changed" for run in rows]
    abouts += [f"pruned on {when(run['pruned']).partition(',')[0]}" for run in pruned]
    names = [f"{run['host']}/{run['id']}" for run in (*rows, *pruned)]
    wide = max(map(len, names))
    for name, run, about in zip(names, (*rows, *pruned), abouts, strict=True):
        line = f"{name:<{wide}}  {run['mode']:5}  {run['outcome']:9}  {about}"
        click.echo(folded(printable(line)))


def _row(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the list tells of a run, from its `run.json`."""
    ends = [step["status"] for book in run["notebooks"] for step in book["steps"]]
    names = ("id", "host", "mode", "outcome", "started", "seconds", "connection", "release")
    return {name: run[name] for name in names} | {"steps": len(ends), "changed": ends.count("changed")}


@report.command("open")
@click.argument("which", required=False, metavar=WHICH)
@REPORTS
def open_(which: str | None, reports: Path | None) -> None:
    """Open the newest report in the browser.

    Of a host if one is named. Prints its path either way.

    \b
    Examples:
      runbook report open
      runbook report open myhost
      runbook report open myhost/20260131T101500Z-1a2b3c
    """
    found, runs = runs_of(which, reports)
    path = found.reports / runs[0]["place"] / "index.html"
    if has_display():
        click.launch(str(path))
    click.echo(str(path))


@report.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@AS_JSON
@REPORTS
def compare(one: str, other: str, reports: Path | None, as_json: bool) -> None:
    """Compare what two reports saw; no machine is reached.

    A and B are each a host, for its newest report, HOST/RUN, or the path or the URL of a run. Prints a line for
    each thing in which B differs from A, with the lines of a file that differ.

    \b
    Examples:
      runbook report compare victory victory2
      runbook report compare victory/20260131T101500Z-1a2b3c victory
    """
    from dataclasses import asdict

    from runbook.drift.compare import counted
    from runbook.evidence.drift import between_hosts

    sides = [of_host(side, _folder(reports)) for side in (one, other)]
    first, second, changes = between_hosts(*((side.reports, side.name) for side in sides))
    if as_json:
        rows = [{"line": str(change), **asdict(change)} for change in changes]
        print_json({"a": first, "b": second, "changes": rows})
        return
    verb = "are" if len(changes) > 1 else "is"
    click.echo(folded(f"{counted(changes)} {verb} different from {first} to {second}.", hang=0))
    for change in changes:
        click.echo(folded(f"  {change}"))
        for line in change.diff.splitlines()[2:]:
            click.echo(f"      {line}")


def has_display() -> bool:
    """Return whether a browser could show anything here."""
    import os
    import sys

    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _folder(reports: Path | None) -> Path:
    from runbook.controller.project import project

    return (reports or project() / "reports").absolute()


def runs_of(which: str | None, reports: Path | None) -> tuple[Meant, list[dict[str, Any]]]:
    """Return what is meant, and its runs, the newest first. Raises `ParamsError` when there is none."""
    from runbook.evidence.abandoned import finish_orphans
    from runbook.evidence.archive import newest_first

    found = meant(which, _folder(reports))
    finish_orphans(found.reports)
    if mine := [run for run in newest_first(found.reports) if found.fits(run)]:
        return found, mine
    raise ParamsError(
        f"There is no report of {found.name}" if found.host else "There is no report yet",
        where=str(found.reports),
        do="make one: runbook run",
    )
