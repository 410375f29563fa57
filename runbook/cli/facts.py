"""`runbook facts`: one table of what many hosts are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.fleet import own_of
from runbook.cli.output import AS_JSON, STDOUT, File, print_json, print_table
from runbook.cli.reports import REPORTS
from runbook.errors import RunbookError
from runbook.text import csv
from runbook.text.folded import folded
from runbook.text.plural import plural
from runbook.text.terminal import say

if TYPE_CHECKING:
    import pandas as pd

    from runbook.params import HostParams


@click.command(short_help="One table of what many hosts are.")
@click.argument("params", nargs=-1, required=True, metavar="PARAMS...")
@click.option(
    "--out",
    type=File(takes_stdout=True),
    metavar="FILE",
    help="Write all facts here: .csv or .parquet; `-` is standard output, as CSV.",
)
@click.option(
    "--now", "is_live", is_flag=True, help="Ask the hosts themselves; changes nothing, makes no report."
)
@AS_JSON
@REPORTS
def facts(
    params: tuple[str, ...], out: Path | None, is_live: bool, as_json: bool, reports: Path | None
) -> None:
    """Show what many hosts are and what drifted on them: a line a host.

    From the last good report of each (the newest run that completed), or asked now. With --out all
    facts are written as one table: host, seen, source, kind, name, field, value; one row for each field of each
    device, disk, volume, package, service, file and so on, and one for each drift that the newest check found.

    \b
    Examples:
      runbook facts params/*.yml
      runbook facts params/*.yml --out facts.csv
      runbook facts params/*.yml --now --out facts.parquet
    """
    from runbook import params as parameters
    from runbook.controller.project import project
    from runbook.fleet import facts as tables
    from runbook.fleet.members import members

    place = (reports or project() / "reports").absolute()
    _prove(out, as_json=as_json)
    hosts = [parameters.load(member.params) for member in members(own_of(params))]

    silent = {host.host: error for host in hosts if is_live and (error := unready(host))}

    def look(host: parameters.HostParams) -> list[tables.Row] | RunbookError:
        if host.host in silent:
            return silent[host.host]
        try:
            return tables.asked_now(host, place) if is_live else tables.of_report(place, host.host)
        except RunbookError as error:
            return error

    with ThreadPoolExecutor(16 if is_live else 1) as executor:
        found = list(executor.map(look, hosts))
    errors = [error for error in found if isinstance(error, RunbookError)]
    all_facts = tables.table([row for rows in found if not isinstance(rows, RunbookError) for row in rows])
    _print(all_facts, out, as_json=as_json)
    for error in errors:
        say(folded(str(error), hang=4), fg="red", err=True)
    if out and out != STDOUT:
        tables.write(all_facts, out)
        about = f"{plural(len(all_facts), 'fact')} of {plural(len(hosts) - len(errors), 'host')}"
        click.echo(f"{about}: {out}", err=as_json)
    if errors:
        click.get_current_context().exit(max(error.exit_code for error in errors))


def _prove(out: Path | None, *, as_json: bool) -> None:
    """Raise `click.UsageError` for two things on standard output, `ParamsError` for a file that cannot be written so."""
    from runbook.fleet.facts import prove_writable

    if out == STDOUT and as_json:
        raise click.UsageError("only one of --out - and --json goes to standard output")
    if out and out != STDOUT:
        prove_writable(out)


def _print(facts: pd.DataFrame, out: Path | None, *, as_json: bool) -> None:
    """Print all facts for a program, as JSON or as CSV, or a line a host for a person."""
    from runbook.fleet.facts import summary

    if as_json:
        print_json(facts.to_dict("records"))
    elif out == STDOUT:
        click.echo(csv.text(facts), nl=False)
    elif len(facts):
        print_table(summary(facts))


def unready(host: HostParams) -> RunbookError | None:
    """Have typed what this host needs, one host after the other; return what is wrong with that."""
    from runbook.hosts import prepare

    try:
        prepare(host)
    except RunbookError as error:
        return error
    return None
