"""`runbook guest list|start|stop|restart`: see the guests of a host, and start and stop them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runbook.cli.acting import acting, carry, reached, show
from runbook.cli.output import AS_JSON, print_json
from runbook.engine import gates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runbook.engine.beat import Beat
    from runbook.hosts import Host
    from runbook.params import HostParams
    from runbook.steps import Step

NOTEBOOK = "08_guests"
PARAMS = click.argument("params", metavar="PARAMS")
NAMES = click.argument("names", nargs=-1, required=True, metavar="NAME...")
APPLY = click.option(
    "--apply", "act", is_flag=True, help="Do it; without this the plan is shown and no more."
)
LIMIT = click.option(
    "--limit", "limit_s", type=click.IntRange(1, 86400), metavar="SECONDS",
    help="How long each may take to end; else XENDOMAINS_STOP_MAXWAIT of the host, 300 s as it comes.",
)  # fmt: skip
KILL = click.option("--kill", is_flag=True, help="Pull the plug of one that has not ended in time.")


@click.command("list", short_help="Show every guest: whether it runs, with what, and whose it is.")
@PARAMS
@AS_JSON
def list_(params: str, as_json: bool) -> None:
    """Show every guest of the host, those that PARAMS does not have among them.

    What a guest has is said as it runs; of one that is off, as its configuration says it. Changes nothing.

    \b
    Examples:
      runbook guest list params/myhost.yml
      runbook guest list params/myhost.yml --json
    """
    from dataclasses import asdict

    from runbook import params as parameters
    from runbook.show import guests

    host_params = parameters.load(params)
    with reached(host_params, NOTEBOOK) as host:
        found = guests.rows(host_params, host.gather(guests.ASKS))
    if as_json:
        print_json([asdict(row) for row in found])
        return
    click.echo(guests.text(found) if found else f"{host_params.host} has no guests")


@click.command(short_help="Start guests, if nothing stands against it.")
@PARAMS
@NAMES
@APPLY
def start(params: str, names: tuple[str, ...], act: bool) -> None:
    """Start guests of PARAMS, with the checks of notebook 08: no disk, device or screen that another has,
    memory enough, its bridges there, its configuration as PARAMS wants it.

    \b
    Example:
      runbook guest start params/myhost.yml windows --apply
    """
    from runbook.steps.guests import start_guests
    from runbook.steps.shared import single

    host_params = _load(params)
    wanted = single.started(host_params, names)
    _do(params, host_params, [(start_guests, wanted)], act)


@click.command(short_help="Stop guests cleanly; no plug is pulled unless you say so.")
@PARAMS
@NAMES
@LIMIT
@KILL
@APPLY
def stop(params: str, names: tuple[str, ...], limit_s: int | None, kill: bool, act: bool) -> None:
    """Stop guests, whether PARAMS has them or not, all at once, and wait until each has ended.

    A guest with Xen's drivers is asked by Xen, any other by the power button of its ACPI, again and again. One that
    does not end in time runs on and is named, and the command ends with 1; with --kill its plug is pulled.

    \b
    Example:
      runbook guest stop params/myhost.yml windows --limit 120 --apply
    """
    from runbook.book.acts.stop_guest import StopGuest

    host_params = _load(params)
    _do(params, host_params, [(StopGuest(names, limit_s, kill), host_params)], act)


@click.command(short_help="Stop guests cleanly and start them again.")
@PARAMS
@NAMES
@LIMIT
@KILL
@APPLY
def restart(params: str, names: tuple[str, ...], limit_s: int | None, kill: bool, act: bool) -> None:
    """Stop guests of PARAMS cleanly, then start them as their configuration is now.

    That is more than a restart inside: a changed configuration, or another device, is there only after this.

    \b
    Example:
      runbook guest restart params/myhost.yml windows --apply
    """
    from runbook.book.acts.stop_guest import StopGuest
    from runbook.steps.guests import start_guests
    from runbook.steps.shared import single

    host_params = _load(params)
    wanted = single.started(host_params, names)
    _do(params, host_params, [(StopGuest(names, limit_s, kill), host_params), (start_guests, wanted)], act)


def _load(path: str) -> HostParams:
    from runbook import params as parameters

    return parameters.load(path)


def _do(path: str, params: HostParams, works: Sequence[tuple[Step, HostParams]], act: bool) -> None:
    """Carry works out one after the other, each planned when it is its turn; or show what would be done."""
    if act:
        with acting(params, path, *(step for step, _ in works), notebook=NOTEBOOK) as beat:
            for step, wanted in works:
                _carry(beat, step, wanted)
        return
    with reached(params, NOTEBOOK) as host:
        for number, (step, wanted) in enumerate(works):
            _show(host, step, wanted, is_first=number == 0)
    click.echo("\nNothing was changed. To do it: the same with --apply")


def _carry(beat: Beat, step: Step, wanted: HostParams) -> None:
    facts = beat.host.gather(step.asks(wanted))
    planned = step.plan(wanted, facts)
    carry(beat, wanted, step, planned, facts)
    if not planned.actions:
        click.echo("nothing to do: it is so already")


def _show(host: Host, step: Step, wanted: HostParams, *, is_first: bool) -> None:
    facts = host.gather(step.asks(wanted))
    planned = step.plan(wanted, facts)
    show(step, planned, facts)
    if is_first:  # what comes later is planned when the host is another one
        gates.refuse_if_blocked(planned, step.__name__.rpartition(".")[2], wanted.host)
