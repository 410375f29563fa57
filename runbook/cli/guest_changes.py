"""`runbook guest rename|remove`: what changes the host and the parameter file together."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.acting import acting, carry, reached, show
from runbook.cli.guest_acts import APPLY, NOTEBOOK, PARAMS
from runbook.engine import gates
from runbook.errors import ParamsError

if TYPE_CHECKING:
    from runbook.params import HostParams


@click.command(short_help="Give a guest another name, on the host and in PARAMS.")
@PARAMS
@click.argument("name")
@click.argument("new")
@APPLY
def rename(params: str, name: str, new: str, act: bool) -> None:
    """Give a guest another name, on the host and in PARAMS; it must be off.

    It keeps its identity (its uuid is written down), its volumes and their names, its addresses and devices.

    \b
    Example:
      runbook guest rename params/myhost.yml windows games --apply
    """
    from runbook.book.acts.rename_guest import RenameGuest
    from runbook.guests import config
    from runbook.params import guest_edit
    from runbook.steps.shared import guest_volumes

    host_params, file = _load(params, name)
    before = file.read_text(encoding="utf-8")
    uuid = config.uuid_of(host_params, guest_volumes.guest(host_params, name))
    text, wanted = guest_edit.renamed(before, file, name, new, uuid)
    step = RenameGuest(name, new, host_params)
    if not act:
        with reached(host_params, NOTEBOOK) as host:
            facts = host.gather(step.asks(wanted))
        planned = step.plan(wanted, facts)
        show(step, planned, facts)
        _show_file(file, before, text)
        gates.refuse_if_blocked(planned, "rename_guest", host_params.host)
        click.echo("\nNothing was changed. To do it: the same with --apply")
        return
    with acting(host_params, params, step, notebook=NOTEBOOK) as beat:
        facts = beat.host.gather(step.asks(wanted))
        carry(beat, wanted, step, step.plan(wanted, facts), facts)
    _write(file, before, text)


@click.command(short_help="Remove a guest for good, on the host and from PARAMS.")
@PARAMS
@click.argument("name")
@click.option("--apply", "act", is_flag=True, help="Do it, with --consent.")
@click.option(
    "--consent", metavar="DIGEST", default="", help="The digest of the plan that this command showed."
)
def remove(params: str, name: str, act: bool, consent: str) -> None:
    """Show what the removal of a guest would do; with --apply and --consent DIGEST, do it.

    Its place in the autostart, its configuration and all that is on its own volumes go, and it goes from PARAMS. A
    last backup is made before, where management.backups names it. It must be off.

    \b
    Example:
      runbook guest remove params/myhost.yml old
    """
    from runbook.book.acts.remove_guest import RemoveGuest
    from runbook.cli.backups import make_and_verify
    from runbook.params import guest_edit
    from runbook.steps.management import back_up_volumes, verify_backups

    host_params, file = _load(params, name)
    before = file.read_text(encoding="utf-8")
    text, _ = guest_edit.without(before, file, name)
    step = RemoveGuest(name)
    if act:
        agreed = host_params.model_copy(update={"consent": (*host_params.consent, f"remove_guest:{consent}")})
        with acting(host_params, params, back_up_volumes, verify_backups, step, notebook=NOTEBOOK) as beat:
            facts = beat.host.gather(step.asks(agreed))
            planned = step.plan(agreed, facts)
            if step.is_backed_up(agreed, facts) and planned.digest() == consent and not planned.stops:
                make_and_verify(beat, agreed, (name,))
            carry(beat, agreed, step, planned, facts)
        _write(file, before, text)
        return
    with reached(host_params, NOTEBOOK) as host:
        facts = host.gather(step.asks(host_params))
    planned = step.plan(host_params, facts)
    show(step, planned, facts)
    _show_file(file, before, text)
    gates.refuse_if_blocked(planned, "remove_guest", host_params.host)
    click.echo(f"\nNothing was done. To do it, add: --apply --consent {planned.digest()}")


def _load(path: str, name: str) -> tuple[HostParams, Path]:
    """Return the parameters and their file. Raises `ParamsError` when they lack the guest."""
    from runbook import params as parameters
    from runbook.steps.shared import single

    host_params = parameters.load(path)
    if name not in {guest.name for guest in host_params.guests}:
        raise single.no_guest(host_params, name)
    return host_params, parameters.file_of(path)


def _show_file(file: Path, before: str, text: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), text.splitlines(), str(file), "afterwards", lineterm="")
    click.echo("\nIn the parameters:\n" + "\n".join(f"  {line}" for line in lines))


def _write(file: Path, before: str, text: str) -> None:
    """Write the parameter file as it is after the deed. Raises `ParamsError` when somebody changed it meanwhile."""
    from runbook.controller.atomic import write_atomic

    if file.read_text(encoding="utf-8") != before:
        raise ParamsError(
            "The host was changed, and the parameter file was not",
            where=str(file),
            why="somebody wrote into it meanwhile, and that would be lost",
            do="correct the guest in it by hand, as the plan showed it: the next run goes by what it says",
        )
    write_atomic(file, text, file.stat().st_mode & 0o7777)
    click.echo(f"{file} says so now")
