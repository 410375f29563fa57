"""`runbook allow`: the operator's word for the programs that a parameter file would run here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runbook.text.plural import plural
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.controller.allowed import Program
    from runbook.params import HostParams


@click.command(short_help="Agree to the programs that a parameter file would run here.")
@click.argument("params", nargs=-1, required=True, metavar="PARAMS...")
@click.option("--take-back", is_flag=True, help="Take your word back.")
def allow(params: tuple[str, ...], take_back: bool) -> None:
    """Agree to the programs that parameter files would run on this machine.

    Those are the commands of an ssh configuration that `connection.config` names, `command:` secrets, sources from
    outside Debian that are built, and the mails and calls of `notify`. They are shown, and the digest of exactly these is kept in
    ~/.config/xen-host-runbook/allowed; one that is changed afterwards needs your word again.

    Read them first: runbook validate PARAMS

    \b
    Examples:
      runbook allow params/myhost.yml
      runbook allow params/myhost.yml --take-back
    """
    from runbook import params as parameters
    from runbook import programs
    from runbook.controller import allowed

    for path in params:
        found = programs.of(parameters.load(path))
        for program in found:
            show(program)
            allowed.take_back(program) if take_back else allowed.allow(program)
        what = "taken back" if take_back else "allowed"
        click.echo(
            f"{path}: {plural(len(found), 'program')} {what}" if found else f"{path}: runs no program here"
        )


def show_programs(path: str, host: HostParams) -> None:
    """Show what a parameter file would run here, and whether that is allowed."""
    from runbook import programs
    from runbook.controller import allowed

    found = programs.of(host)
    for program in found:
        show(program)
    if not found:
        return
    if all(map(allowed.is_allowed, found)):
        click.echo("  you allowed that")
    else:
        say(f"  not allowed yet; if you mean it: runbook allow {path}", fg="yellow")


def show(program: Program) -> None:
    """Print a program, a line each of its own."""
    click.echo(f"  would run here, by {program.place}:")
    for line in program.lines:
        click.echo(f"    {line}")
