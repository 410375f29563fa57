"""`runbook backup`: list, make, verify and restore backups of guests' volumes, by the steps of notebook 09."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runbook.cli.acting import acting, carry, reached, show
from runbook.cli.output import AS_JSON, Group, print_json
from runbook.engine import gates
from runbook.errors import ParamsError
from runbook.text.nearest import nearest

if TYPE_CHECKING:
    from runbook.engine.beat import Beat
    from runbook.facts.backups import Backup
    from runbook.facts.nights import Booted
    from runbook.hosts import Host
    from runbook.model.ask import Facts
    from runbook.model.plan import Plan
    from runbook.params import HostParams

_PARAMS = click.argument("params", metavar="PARAMS")


@click.group(cls=Group, short_help="List, make, verify, fetch and restore backups of guests.")
def backup() -> None:
    """List, make, verify and restore backups of guests' volumes.

    \b
    Examples:
      runbook backup list params/myhost.yml
      runbook backup make params/myhost.yml windows
      runbook backup verify params/myhost.yml windows
      runbook backup restore params/myhost.yml windows windows-20261122T204155Z
      runbook backup beside params/myhost.yml windows-20261122T204155Z then
      runbook backup fetch params/myhost.yml windows-20261122T204155Z

    Where they are kept, how they are made and how many stay is said under `management.backups` in
    PARAMS. None of these commands deletes a backup.
    """


@backup.command("list")
@_PARAMS
@click.argument("guests", nargs=-1, metavar="[GUEST]...")
@AS_JSON
def list_(params: str, guests: tuple[str, ...], as_json: bool) -> None:
    """List backups, the oldest first.

    Of each: its name, what it is, its size, whether it was verified, and whether it has booted.

    \b
    Examples:
      runbook backup list params/myhost.yml
      runbook backup list params/myhost.yml windows --json
    """
    from runbook.backups import names
    from runbook.facts import backups, nights
    from runbook.steps.management import verify_backups
    from runbook.text.sizes import human_size

    host_params, chosen = _load(params, guests)
    folder = host_params.management.backups.folder
    with reached(host_params) as host:
        facts = host.gather((*verify_backups.asks(host_params), *nights.COMMANDS))
    store, seen = backups.parse(facts, folder), nights.parse(facts)
    shown = [b for b in store.backups if not chosen or b.guest in chosen]
    if as_json:
        print_json([_row(one, seen.of(one.name)) for one in shown])
        return
    for one in shown:
        state = (
            f"DAMAGED: {one.wrong}" if one.wrong else ("verified" if one.is_verified else "not verified yet")
        )
        meta = one.sidecar
        about = f"{meta.content}, {meta.source}, {human_size(meta.size_bytes)} in" if meta else "unknown,"
        size = human_size(one.bytes_there or 0)
        tried = seen.of(one.name)
        booted = f", on trial: {tried.is_up} ({names.when(tried.date)}: {tried.seen})" if tried else ""
        click.echo(f"{one.name}  {names.when(one.name[-16:])}  {about} {size}  {state}{booted}")
    if not shown:
        click.echo(
            f"{folder} on {host_params.host} holds no backup" + (f" of {', '.join(chosen)}" if chosen else "")
        )


def _row(one: Backup, tried: Booted | None) -> dict[str, Any]:
    """Return a backup as it stands in the JSON; `sidecar` is what was written down when it was made."""
    from dataclasses import asdict, is_dataclass

    meta = one.sidecar
    known = asdict(meta) if meta is not None and is_dataclass(meta) else None
    about = {"name": one.name, "guest": one.guest, "bytes": one.bytes_there, "verified": one.is_verified}
    booted = asdict(tried) if tried else None
    return {**about, "wrong": one.wrong or None, "booted": booted, "sidecar": known}


@backup.command()
@_PARAMS
@click.argument("guests", nargs=-1, metavar="[GUEST]...")
@click.option("--snapshot", is_flag=True, help="From a snapshot, if the guest runs: as after a power cut.")
@click.option("--whole", is_flag=True, help="Every byte, not only what the file systems use.")
def make(params: str, guests: tuple[str, ...], snapshot: bool, whole: bool) -> None:
    """Make a new backup of each GUEST, and verify it.

    However young the last one is. Without a GUEST: of those under management.backups.guests. A running guest is refused unless
    --snapshot is given.

    \b
    Example:
      runbook backup make params/myhost.yml windows
    """
    from runbook.steps.management import back_up_volumes, verify_backups

    host_params, chosen = _load(params, guests)
    chosen = chosen or host_params.management.backups.guests
    changes = (
        {"guests": chosen}
        | ({"source": "snapshot"} if snapshot else {})
        | ({"content": "whole"} if whole else {})
    )
    wanted = _with(host_params, backups=host_params.management.backups.model_copy(update=changes))
    with acting(host_params, params, back_up_volumes, verify_backups) as beat:
        make_and_verify(beat, wanted, chosen)


@backup.command()
@_PARAMS
@click.argument("which", nargs=-1, metavar="[GUEST|BACKUP]...")
def verify(params: str, which: tuple[str, ...]) -> None:
    """Compare backups with their checksums; restore nothing.

    They are read from beginning to end. Takes guests (all of their backups) and names of backups; without any, all there are. Ends with
    1 at the first that is not as it was written, and says what is wrong with it.

    \b
    Examples:
      runbook backup verify params/myhost.yml
      runbook backup verify params/myhost.yml windows
    """
    from runbook.backups import names
    from runbook.facts import backups
    from runbook.steps.management import verify_backups

    host_params, _ = _load(params, tuple(w for w in which if not names.is_name(w)))
    with acting(host_params, params, verify_backups) as beat:
        facts = beat.host.gather(verify_backups.asks(host_params))
        store = backups.parse(facts, host_params.management.backups.folder)
        if unknown := [w for w in which if names.is_name(w) and not store.named(w)]:
            raise ParamsError(
                f"There is no backup {unknown[0]} in {store.folder}", do="see: runbook backup list"
            )
        chosen = tuple(b.name for b in store.backups if not which or {b.name, b.guest} & set(which))
        carry(beat, host_params, verify_backups, verify_backups.plan_for(host_params, facts, chosen), facts)
    click.echo(f"{len(chosen)} verified" if chosen else "there is no backup to verify")


@backup.command()
@_PARAMS
@click.argument("guest")
@click.argument("name", metavar="BACKUP")
@click.option("--apply", "is_meant", is_flag=True, help="Do it, with --consent.")
@click.option(
    "--consent", metavar="DIGEST", default="", help="The digest of the plan that this command showed."
)
def restore(params: str, guest: str, name: str, is_meant: bool, consent: str) -> None:
    """Show what a restore would do; with --apply, do it.

    It wants the --consent DIGEST of the plan that it showed. All that is on the guest's volume is lost. The digest covers the volume, the backup and its
    checksum: consent to one restore is none to another. The backup is verified before the first byte
    is written, and the volume is read again afterwards.

    \b
    Example:
      runbook backup restore params/myhost.yml windows windows-20261122T204155Z
    """
    from runbook.facts import backups
    from runbook.params.management import Restore
    from runbook.steps.management import restore_volumes

    host_params, _ = _load(params, (guest,))
    _checked(Restore, guest=guest, backup=name)

    def planned_on(host: Host) -> tuple[HostParams, Plan, Facts]:
        facts = host.gather(restore_volumes.asks(host_params))
        done = backups.parse(facts, host_params.management.backups.folder).restored_to(guest)
        again = done.again + 1 if done and done.name == name else 0
        wanted = _with(host_params, restores=(_checked(Restore, guest=guest, backup=name, again=again),))
        wanted = wanted.model_copy(update={"consent": (*host_params.consent, f"restore_volumes:{consent}")})
        return wanted, restore_volumes.plan(wanted, facts), facts

    if is_meant:
        with acting(host_params, params, restore_volumes) as beat:
            wanted, planned, facts = planned_on(beat.host)
            carry(beat, wanted, restore_volumes, planned, facts, is_once=True)
        return
    with reached(host_params) as host:
        wanted, planned, facts = planned_on(host)
    show(restore_volumes, planned, facts)
    gates.refuse_if_blocked(planned, "restore_volumes", host_params.host)
    click.echo(f"\nNothing was done. To do it, add: --apply --consent {planned.digest()}")


@backup.command()
@_PARAMS
@click.argument("name", metavar="BACKUP")
def fetch(params: str, name: str) -> None:
    """Bring a backup back from the second place.

    It is in the folder then, to be verified and restored as any other.

    \b
    Example:
      runbook backup fetch params/myhost.yml windows-20261122T204155Z
    """
    from runbook.book.acts.bring_backups_back import FetchBackup

    host_params, _ = _load(params, ())
    step = FetchBackup(_backup(name))
    with acting(host_params, params, step) as beat:
        facts = beat.host.gather(step.asks(host_params))
        carry(beat, host_params, step, step.plan(host_params, facts), facts)


@backup.command()
@_PARAMS
@click.argument("name", metavar="BACKUP")
@click.argument("volume")
@click.option("--apply", "is_meant", is_flag=True, help="Do it.")
def beside(params: str, name: str, volume: str, is_meant: bool) -> None:
    """Show a restore to a new VOLUME; with --apply, do it.

    The guest, its volume and what is known of its backups stay as they are.

    \b
    Example:
      runbook backup beside params/myhost.yml comm-20261122T204155Z then --apply
    """
    from runbook.book.acts.bring_backups_back import RestoreBeside
    from runbook.params.management import Snapshot

    host_params, _ = _load(params, ())
    # The form of a name in the guests' group is that of a snapshot's.
    named = _checked(Snapshot, guest="any", name=volume, size_gib=1).name
    step = RestoreBeside(_backup(name), named)
    if is_meant:
        with acting(host_params, params, step) as beat:
            facts = beat.host.gather(step.asks(host_params))
            carry(beat, host_params, step, step.plan(host_params, facts), facts)
        return
    with reached(host_params) as host:
        facts = host.gather(step.asks(host_params))
    planned = step.plan(host_params, facts)
    show(step, planned, facts)
    gates.refuse_if_blocked(planned, "restore_beside", host_params.host)
    click.echo("\nNothing was done. To do it: the same with --apply")


def make_and_verify(beat: Beat, params: HostParams, guests: tuple[str, ...]) -> None:
    """Make a new backup of each guest, and read it from beginning to end; what is not good raises."""
    from runbook.facts import backups
    from runbook.steps.management import back_up_volumes, verify_backups

    host, folder = beat.host, params.management.backups.folder
    facts = host.gather((*back_up_volumes.asks(params), *verify_backups.asks(params)))
    known = {b.name for b in backups.parse(facts, folder).backups}
    carry(beat, params, back_up_volumes, back_up_volumes.plan_for(params, facts, guests), facts)
    facts = host.gather(verify_backups.asks(params))
    new = tuple(b.name for b in backups.parse(facts, folder).backups if b.name not in known)
    carry(beat, params, verify_backups, verify_backups.plan_for(params, facts, new), facts)


def _load(path: str, guests: tuple[str, ...]) -> tuple[HostParams, tuple[str, ...]]:
    from runbook import params as parameters

    params = parameters.load(path)
    known = [guest.name for guest in params.guests]
    for name in guests:
        if name not in known:
            do = f"there are: {', '.join(known) or 'none'}"
            meant = nearest(name, known)
            raise ParamsError(f"There is no guest '{name}'", where=path, do=f"{meant} {do}".strip())
    return params, guests


def _backup(name: str) -> str:
    """Return the name of a backup. Raises `ParamsError` for what is none."""
    from runbook.params.management import backup_name

    try:
        return backup_name(name)
    except ValueError as error:
        raise ParamsError(str(error)) from None


def _with(params: HostParams, **parts: Any) -> HostParams:
    return params.model_copy(update={"management": params.management.model_copy(update=parts)})


def _checked(model: Any, **fields: Any) -> Any:
    from pydantic import ValidationError

    try:
        return model(**fields)
    except ValidationError as error:
        raise ParamsError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
