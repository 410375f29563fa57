"""`runbook report audit`: what an auditor asks of runs, on one page each or as one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.cli.meant import WHICH
from runbook.cli.output import AS_JSON, STDOUT, File, print_json, write_text
from runbook.cli.reports import REPORTS, runs_of
from runbook.text.folded import folded

if TYPE_CHECKING:
    from runbook.evidence.audit import Audit

FILE = File(takes_stdout=True)


@click.command()
@click.argument("which", nargs=-1, metavar=f"{WHICH}...")
@click.option("--all", "takes_all", is_flag=True, help="Every run, not only the newest of each host.")
@click.option(
    "--html", type=FILE, metavar="FILE", help="Write one page, a sheet for each run; `-` is standard output."
)
@click.option(
    "--csv", "table", type=FILE, metavar="FILE", help="Write one table, a row for each run; `-` likewise."
)
@click.option(
    "--key", "given", multiple=True, metavar="PUBLIC_KEY",
    help="A key to trust, as for `report verify`. [default: your own]",
)  # fmt: skip
@AS_JSON
@REPORTS
def audit(
    which: tuple[str, ...], takes_all: bool, html: Path | None, table: Path | None, given: tuple[str, ...],
    as_json: bool, reports: Path | None,
) -> None:  # fmt: skip
    """Answer what an auditor asks of runs; no machine is reached.

    What was done, when and by whom (user, controller, key), approved how, by whom and by which digest, with
    which versions, what differs from the last good report, who may use which device, whether anything was
    forced, and whether the report verifies. Of each host its newest run that was more than a plan. Ends as
    `runbook report verify` does: 1 when a report was altered, 3 when not every one is vouched for.

    \b
    Examples:
      runbook report audit myhost
      runbook report audit myhost/20260131T101500Z-1a2b3c --html audit.html
      runbook report audit --csv audit.csv
      runbook report audit --all --csv - > audit.csv
    """
    from runbook.attestation import keys
    from runbook.attestation.verdict import GOOD
    from runbook.cli.attestation import NOT_VOUCHED
    from runbook.evidence import audit as audits
    from runbook.text import csv

    printed = [html == STDOUT, table == STDOUT, as_json].count(True)
    if printed > 1:
        raise click.UsageError("only one of --html -, --csv - and --json goes to standard output")
    known = [key for text in given for key in keys.given(text)] if given else keys.own()
    found = [audits.of_run(place, run, known) for place, run in _chosen(which, reports, takes_all)]
    if html:
        write_text(html, audits.page(found))
    if table:
        write_text(table, csv.text(audits.table(found)))
    if as_json:
        print_json([audits.answers(one) | {"status": one.status} for one in found])
    elif not printed:
        _show(found)
    for path in (html, table):
        if path and path != STDOUT:
            click.echo(str(path), err=bool(printed))
    if any(one.status == audits.ALTERED for one in found):
        click.get_current_context().exit(1)
    if any(one.status not in GOOD for one in found):
        click.get_current_context().exit(NOT_VOUCHED)


def _chosen(
    which: tuple[str, ...], reports: Path | None, takes_all: bool
) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs that are meant, each with its folder of reports, once: of a host the newest that was more than a plan."""
    chosen: dict[tuple[Path, str, str], tuple[Path, dict[str, Any]]] = {}
    for one in which or (None,):
        meant, runs = runs_of(one, reports)
        for run in runs if takes_all or meant.run else _newest(runs):
            chosen.setdefault((meant.reports, run["host"], run["id"]), (meant.reports, run))
    return sorted(chosen.values(), key=lambda found: (found[1]["host"], found[1]["id"]))


def _newest(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for run in sorted(runs, key=lambda run: run["mode"] == "plan"):
        found.setdefault(run["host"], run)
    return list(found.values())


def _show(found: list[Audit]) -> None:
    from runbook.evidence import audit as audits

    for number, one in enumerate(found):
        told = audits.answers(one)
        click.echo(("\n" if number else "") + f"{told['host']}, the run {told['run']}")
        for question, lines in told["answers"].items():
            click.echo(f"  {question}")
            for line in lines:
                click.echo(folded(f"    {line}"))
