"""`runbook guest adopt`: guests that are on a host already, written into its parameters as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.reach import CAPTURE, patience
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.params import HostParams
    from runbook.proposal.taking import Seen, Taken, Wanted


@click.command(short_help="Write guests that are on the host into its parameters, as they are.")
@click.argument("params")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--from",
    "source",
    metavar="FILE|running",
    help="Read this file of the host; or what runs now, whatever a file says.",
)
@click.option("--all", "takes_all", is_flag=True, help="Every guest of the host that can be said.")
@click.option(
    "--replace", is_flag=True, help="Put it in the place of a guest of that name that is another one."
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@CAPTURE
def adopt(
    params: str,
    names: tuple[str, ...],
    source: str | None,
    takes_all: bool,
    replace: bool,
    dry_run: bool,
    capture: Path | None,
) -> None:
    """Write guests that are on the host into PARAMS, as they are; nothing on the host is changed.

    Configurations are found below /etc/xen under whatever name; a guest that runs without one is read from Xen.
    What is written asks xl for the very same guest, which is proven before the file is touched: notebook 08 then
    leaves the guest's file alone, and a guest that runs goes on running. Its devices and bridges come along. All else
    in PARAMS stays as it is, comments too.

    \b
    Examples:
      runbook guest adopt params/myhost.yml windows
      runbook guest adopt params/myhost.yml --all
      runbook guest adopt params/myhost.yml --from /root/vm/mail.cfg
      runbook guest adopt params/myhost.yml web --from running
      runbook guest adopt params/myhost.yml windows --replace

    What the runbook cannot say is refused with the reason, and nothing is written. Words that xl does not know, and
    so never did anything, are named and left out.
    """
    from runbook import params as parameters
    from runbook.proposal import taking

    if takes_all and (names or source):
        raise click.UsageError("--all takes no names and no --from")
    if not (takes_all or names or source):
        raise click.UsageError(
            "name the guests to take in, or say --all; `runbook new` shows those that are there"
        )
    file = parameters.file_of(params)
    host = parameters.on_capture(parameters.load(file), capture)
    wanted = taking.Wanted(names, source or "", takes_all=takes_all, replaces=replace)
    with patience(f"asking {host.host}"):
        seen = look(host, wanted, capture)
    taken = taking.take(file.read_text(encoding="utf-8"), file, host, seen, wanted)
    _tell(taken, file, dry_run=dry_run)


def look(params: HostParams, wanted: Wanted, capture: Path | None) -> Seen:
    """Return what the host, or a capture of it, says of its guests; nothing on it is changed."""
    from dataclasses import replace

    from runbook.captures.seen import see
    from runbook.facts.guest_files import existing
    from runbook.hosts import connect
    from runbook.proposal import machine, taking

    if capture:
        return taking.read(see(capture).facts, params, wanted)
    more = taking.asks(wanted)
    host = connect(params, "00_introduction")
    try:
        seen = taking.read(host.gather((*machine.asks(is_real=host.is_real), *more)), params, wanted)
        paths = taking.existing_parts(seen, wanted) if host.is_real else ()
        ask = existing(paths)
        existing_paths = host.gather((ask,))[ask].out.splitlines() if paths else ()
    finally:
        host.close()
    return replace(seen, absent=frozenset(paths) - frozenset(existing_paths))


def _tell(taken: Taken, file: Path, *, dry_run: bool) -> None:
    """Show the change, write it, and say what is to be known and done."""
    from runbook.controller.atomic import write_atomic
    from runbook.proposal.commented import clean

    for name, why in taken.left:
        say(f"{name} stays outside: {why}", fg="yellow", err=True)
    if taken.diff:
        click.echo("\n".join(clean(line) for line in taken.diff))
    if taken.diff and not dry_run:
        write_atomic(file, taken.text)
    for line in taken.notes:
        say(line, fg="yellow", err=True)
    if not taken.names:
        say("nothing is to be written", err=True)
    elif dry_run:
        say("Nothing was written. To do it: the same without --dry-run", err=True)
    else:
        say(f"{file} has {', '.join(taken.names)} now; see: runbook plan {file} --only 08_guests", err=True)
