"""`runbook report`: find and open what was archived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runbook.errors import ParamsError
from runbook.text.printable import printable

REPORTS = click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RUNBOOK_REPORTS",
    help="Where reports are kept. [default: $RUNBOOK_REPORTS, else reports/ of the project]",
)


@click.group()
def report() -> None:
    """List, open and compare the reports of earlier runs, verify that nobody altered them, prune old ones, copy them to hand on.

    A report holds the executed notebooks as .ipynb and HTML, run.json, the journal, and an index
    page; it needs no network to be read.
    """


@report.command("list")
@click.argument("host", required=False)
@REPORTS
def list_(host: str | None, reports: Path | None) -> None:
    """List runs, the newest first: when, host, mode, how it ended, how many steps changed something.

    Runs that were pruned come last.
    """
    from runbook.evidence.archive import find_pruned
    from runbook.text.moments import when

    for run in _runs(host, reports):
        ends = [step["status"] for book in run["notebooks"] for step in book["steps"]]
        line = (
            f"{when(run['started'])}  {run['host']}  {run['mode']:5}  {run['outcome']:9}  "
            f"{ends.count('changed')} of {len(ends)} steps changed  {run['id']}"
        )
        click.echo(printable(line))
    for run in find_pruned(_folder(reports), host or "*"):
        was = f"{run['host']}  {run['mode']:5}  {run['outcome']:9}"
        click.echo(printable(f"{when(run['started'])}  {was}  pruned on {when(run['pruned'])}  {run['id']}"))


@report.command("open")
@click.argument("host", required=False)
@REPORTS
def open_(host: str | None, reports: Path | None) -> None:
    """Open the newest report, of HOST if given, in the browser; prints its path either way."""
    newest = _runs(host, reports)[0]
    path = _folder(reports) / newest["host"] / newest["id"] / "index.html"
    if has_display():
        click.launch(str(path))
    click.echo(str(path))


@report.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@REPORTS
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON, for programs.")
def compare(one: str, other: str, reports: Path | None, as_json: bool) -> None:
    """Compare what two reports saw of their hosts; no machine is reached.

    A and B are each a host, for its newest report, or HOST/RUN. Prints a line for each thing in which B
    differs from A, with the lines of a file that differ.

    \b
    Examples:
      runbook report compare victory victory2
      runbook report compare victory/20260131T101500Z-1a2b3c victory
    """
    import json
    from dataclasses import asdict

    from runbook.drift.compare import counted
    from runbook.evidence.drift import between_hosts

    first, second, changes = between_hosts(_folder(reports), one, other)
    if as_json:
        rows = [{"line": str(change), **asdict(change)} for change in changes]
        click.echo(json.dumps({"a": first, "b": second, "changes": rows}, indent=2, ensure_ascii=False))
        return
    verb = "are" if len(changes) > 1 else "is"
    click.echo(f"{counted(changes)} {verb} different from {first} to {second}.")
    for change in changes:
        click.echo(f"  {change}")
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


def _runs(host: str | None, reports: Path | None) -> list[dict[str, Any]]:
    from runbook.evidence.abandoned import finish_orphans
    from runbook.evidence.archive import newest_first

    folder = _folder(reports)
    finish_orphans(folder)
    found = newest_first(folder)
    mine = [run for run in found if host in (None, run["host"])]
    if not mine:
        hosts = ", ".join(sorted({run["host"] for run in found}))
        raise ParamsError(
            f"There is no report of {host}" if host else "There is no report yet",
            where=str(folder),
            do=f"there are reports of: {hosts}" if hosts else "make one: runbook run",
        )
    return mine
