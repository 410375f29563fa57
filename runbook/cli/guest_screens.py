"""`runbook guest console|screen`: what a guest shows, on this terminal or through a port of this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from runbook.cli.acting import reached
from runbook.cli.guest_acts import NOTEBOOK, PARAMS
from runbook.errors import HostError, Refused

if TYPE_CHECKING:
    from runbook.facts.guests import Domain
    from runbook.hosts import Host
    from runbook.params import HostParams


@click.command(short_help="Type on a guest's serial console; Ctrl-] ends it.")
@PARAMS
@click.argument("name")
def console(params: str, name: str) -> None:
    """Connect this terminal with the console of a running guest (xl(1), console). Ctrl-] ends it.

    A PV or PVH guest always has one. An HVM guest has its first serial port there: its system must use that
    (`console=ttyS0` on the kernel line of Linux).

    \b
    Example:
      runbook guest console params/myhost.yml comm
    """
    from runbook import params as parameters
    from runbook.hosts import interactive

    host_params = parameters.load(params)
    with reached(host_params, NOTEBOOK) as host:
        domain = _running(host_params, host, name)
        click.echo(f"{name}: Ctrl-] ends it", err=True)
        argv = ("xl", "console", str(domain.domid))
        status = interactive.terminal(host, argv, by_sudo=host_params.is_by_sudo)
    click.get_current_context().exit(min(status, 1))


@click.command(short_help="Lead a guest's screen to this machine; Ctrl-C ends it.")
@PARAMS
@click.argument("name")
def screen(params: str, name: str) -> None:
    """Lead the VNC screen of a running guest to a port of this machine's loopback, over the runbook's connection.

    Says which address to open with a VNC viewer. It is there until Ctrl-C, and for this machine alone.

    \b
    Example:
      runbook guest screen params/myhost.yml windows
    """
    from runbook import params as parameters
    from runbook.facts import guest_screens
    from runbook.hosts import interactive

    host_params = parameters.load(params)
    with reached(host_params, NOTEBOOK) as host:
        domain = _running(host_params, host, name)
        found = guest_screens.parse(host.gather(guest_screens.asks(domain.domid)), domain.domid)
        if found is None:
            raise Refused(
                f"The guest '{name}' has no screen that could be led here",
                why="it has no VNC: its picture is on the card that it was given, or it has a console alone",
                do=f"look at its monitor, or use: runbook guest console {params} {name}",
            )
        with interactive.port(host, found.address, found.port) as (here, held):
            where = f"{interactive.HERE}:{here}"
            click.echo(
                f"{name}'s screen is at {where} until Ctrl-C. Open it, for example:\n  vncviewer {interactive.HERE}::{here}"
            )
            if found.has_password:
                click.echo("  it asks for the password that the guest's `vncpasswd` is")
            while held is None or held.poll() is None:
                time.sleep(0.5)
        raise HostError(
            f"The connection to {host.describe} ended, and the screen with it",
            do=f"look whether the host is there, then again: runbook guest screen {params} {name}",
        )


def _running(params: HostParams, host: Host, name: str) -> Domain:
    """Return the running guest of a name. Raises `Refused` with the next move when there is none."""
    from runbook.facts import guests

    domains = guests.parse(host.gather(guests.RUNNING))
    if not domains.answered:
        raise Refused("Xen does not run on this host", where=params.host, why=f"xl said: {domains.why}",
                      do="start it with Xen: runbook run PARAMS --mode apply --from 06")  # fmt: skip
    if domain := domains.named(name):
        return domain
    names = ", ".join(d.name for d in domains.domains if d.domid) or "none"
    is_known = name in {guest.name for guest in params.guests}
    raise Refused(
        f"The guest '{name}' does not run" if is_known else f"There is no guest '{name}'",
        where=params.host,
        why=f"those that run: {names}",
        do=f"start it: runbook guest start PARAMS {name} --apply"
        if is_known
        else "see: runbook guest list PARAMS",
    )
