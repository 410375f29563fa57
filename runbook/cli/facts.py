"""`runbook facts`: one table of what many hosts are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.fleet import own_of
from runbook.cli.output import AS_JSON, print_json
from runbook.cli.reports import REPORTS
from runbook.errors import RunbookError
from runbook.text.plural import plural
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.params import HostParams


@click.command(short_help="One table of what many hosts are.")
@click.argument("params", nargs=-1, required=True, metavar="PARAMS...")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all facts here: .csv or .parquet."
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
    if out:
        tables.prove_writable(out)
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
    if out:
        tables.write(all_facts, out)
    if as_json:
        print_json(all_facts.to_dict("records"))
    else:
        click.echo(tables.summary(all_facts).to_string() if len(all_facts) else "", nl=len(all_facts) > 0)
    for error in errors:
        say(str(error), fg="red", err=True)
    if out:
        about = f"{plural(len(all_facts), 'fact')} of {plural(len(hosts) - len(errors), 'host')}"
        click.echo(f"{about}: {out}", err=as_json)
    if errors:
        click.get_current_context().exit(max(error.exit_code for error in errors))


def unready(host: HostParams) -> RunbookError | None:
    """Have typed what this host needs, one host after the other; return what is wrong with that."""
    from runbook.hosts import prepare

    try:
        prepare(host)
    except RunbookError as error:
        return error
    return None
