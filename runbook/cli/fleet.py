"""`runbook fleet`: many hosts at once."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.cli.begun import choice_options, chosen
from runbook.cli.reports import REPORTS
from runbook.errors import ParamsError
from runbook.model.modes import MODES

if TYPE_CHECKING:
    from runbook.evidence.fleets.record import FleetRecord, HostState
    from runbook.fleet.request import FleetRun


@click.command(short_help="Run the notebooks on many hosts.")
@click.argument("params", nargs=-1, metavar="PARAMS...")
@click.option("--mode", type=click.Choice(MODES), default="auto", show_default=True, help="As for `run`.")
@click.option("--from", "start", metavar="NOTEBOOK", help="Begin with this notebook, such as 6.")
@choice_options
@click.option(
    "--strict", is_flag=True, help="In mode check: a host on which anything changed did not complete."
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    help="Hosts at a time. [default: processors here, or threads of the cluster's workers]",
)
@click.option(
    "--serial",
    default="",
    metavar="SIZES",
    help="Canary first, such as 1,5,20%: in batches of these sizes, the last repeated; after a batch of which no host "
    "completed none is begun.",
)
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    help="Begin no other host after so many that did not complete; 0: never stop. [default: 1 in mode apply, else 0]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Only the hosts that the last fleet run in this mode left unfinished or failed, with what it was asked.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A dask.distributed cluster that carries out the runs, such as tcp://10.0.0.1:8786.",
)
@click.option("--json", "as_json", is_flag=True, help="Print fleet.json instead, for programs.")
@click.option(
    "--quiet", "-q", is_flag=True, help="Only the hosts that did not complete, and the path of the report."
)
@REPORTS
def fleet(
    params: tuple[str, ...], resume: bool, quiet: bool, as_json: bool, reports: Path | None, **options: Any
) -> None:
    """Run the notebooks on many hosts, one run a host, each in a process of its own.

    Every run is what `runbook run` is: with its own consent, journal and report. What happens to one
    host does not touch the others.

    \b
    Examples:
      runbook fleet params/*.yml                         what would be done?
      runbook fleet params/*.yml --mode apply --serial 1,5,20%
      runbook fleet --resume --mode apply                those left unfinished
      runbook fleet params/*.yml --mode check --parallel 8

    Two files for one host or one machine are refused before anything starts; the files that come with
    the project are left out beside your own. Ctrl-C lets each running step tidy up and says in what state
    each host is. The last line is the path of the fleet's report.

    Exit code: that of the host that ended worst, of 138 (killed), 1, 6, 7, 5, 2, 3, 4; 0 when all
    completed; 130 after Ctrl-C. A host that was never begun has none.
    """
    from runbook.controller.project import project
    from runbook.controller.signals import watching
    from runbook.evidence.abandoned import finish_orphans
    from runbook.fleet.request import FleetRequest
    from runbook.fleet.run import run_fleet
    from runbook.runner.selection import select

    options["only"] = chosen(options["only"], options.pop("step"), options["start"])
    place = (reports or project() / "reports").absolute()
    finish_orphans(place)
    hosts, resumes = _hosts(params, resume, options, place)
    select(project() / "notebooks", options["only"], options["start"])
    if options["max_failures"] is None:
        options["max_failures"] = 1 if options["mode"] == "apply" else 0
    options["parallel"] = options["parallel"] or (0 if options["scheduler"] else os.cpu_count() or 1)
    with watching() as stops, stops.deferred():
        with _show(quiet, as_json, sum(host.state != "completed" for host in hosts)) as show:
            done = run_fleet(FleetRequest(**options), hosts, place, show.event, resumes=resumes)
        try:
            with suppress(KeyboardInterrupt), stops.interruptible():
                _say(done, as_json)
        finally:
            stops.ignore()  # the report is written; what is shown of it changes nothing
        click.get_current_context().exit(done.record.exit_code or 0)


def _hosts(
    params: tuple[str, ...], resume: bool, options: dict[str, Any], reports: Path
) -> tuple[list[HostState], str]:
    """Return the hosts, and the fleet run that this one goes on with ('' for none).

    What that one was asked to do is asked of this one too.
    """
    from runbook.evidence.fleets.record import HostState, last
    from runbook.fleet import sealed
    from runbook.fleet.members import unattended

    mine = own_of(params)
    if not resume:
        return [HostState(**asdict(member)) for member in unattended(mine)], ""
    before = last(reports, options["mode"])
    sealed.prove(reports, before, is_given=bool(mine))
    done = _completed(reports, before)
    for name, option in (("only", "--only"), ("start", "--from"), ("strict", "--strict")):
        if options[name] and options[name] != before.asked[name]:
            earlier = f"{option} {before.asked[name]}" if before.asked[name] else f"no {option}"
            raise ParamsError(
                f"The fleet run to go on with had {earlier}",
                where=before.id,
                why="a host that completed there would not have done what is asked of the others now",
                do=f"leave out {option}, or begin a new one: leave out --resume",
            )
        options[name] = before.asked[name]
    given = {member.host: member for member in unattended(mine or [host.params for host in before.hosts])}
    new = sorted(given.keys() - {host.host for host in before.hosts})
    gone = [host.host for host in before.hosts if host.host not in {*done, *given}]
    for names, why in ((new, "the last fleet run did not know it"), (gone, "it is not given any more")):
        if names:
            click.echo(f"Left out, for {why}: {', '.join(names)}", err=True)
    found = []
    for host in before.hosts:
        if host.host in done:
            found.append(HostState(**{**asdict(host), "earlier": host.earlier or before.id}))
        elif host.host in given:
            found.append(HostState(**asdict(given[host.host])))
    if all(host.state == "completed" for host in found):
        raise ParamsError("There is nothing to resume", where=before.id, why="every host completed")
    return found, before.id


def _completed(reports: Path, before: FleetRecord) -> set[str]:
    """Return the hosts whose reports prove that they completed; say which should have and are run again."""
    from runbook.fleet import sealed

    done = {host.host for host in before.hosts if sealed.has_completed(reports, host)}
    if unproven := [h.host for h in before.hosts if h.state == "completed" and h.host not in done]:
        click.echo(f"Run again, for no report proves that it completed: {', '.join(unproven)}", err=True)
    return done


def own_of(params: tuple[str, ...]) -> list[str]:
    """Return the parameter files to take, and say which are left out for they come with the project."""
    from runbook.fleet.members import own

    mine, shipped = own(params)
    if shipped:
        click.echo(f"Left out, for they come with the project: {', '.join(shipped)}", err=True)
    return mine


def _show(quiet: bool, as_json: bool, hosts: int) -> Any:
    from runbook.cli.fleet_show import LiveFleet, PlainFleet, Quiet
    from runbook.cli.progress import make_progress
    from runbook.text.console import make_console

    if quiet:
        return Quiet()
    if as_json:
        return PlainFleet(sys.stderr)
    live = partial(LiveFleet, hosts=hosts)
    return make_progress(make_console(), sys.stdout, live, PlainFleet)


def _say(done: FleetRun, as_json: bool) -> None:
    from runbook.cli.fleet_show import show_states
    from runbook.evidence.fleets.page import verdict

    content = done.record.as_dict()
    if as_json:
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    click.echo(f"\n{verdict(content)}")
    show_states(done.record.unfinished)
    if done.record.unfinished:
        click.echo("To go on, correct what it names, then the same with --resume.")
    click.echo(str(done.index))
