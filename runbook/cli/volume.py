"""`runbook volume`: look into guests' disks, mount, grow and freeze them, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from runbook.cli.output import AS_JSON, Group, print_json, print_table

if TYPE_CHECKING:
    from runbook.book import Book
    from runbook.params import HostParams

_GUEST = click.argument("guest")
_PARAMS = click.argument("params")
_APPLY = click.option(
    "--apply", "act", is_flag=True, help="Do it; without this the plan is shown and no more."
)


@click.group(cls=Group, short_help="Look into guests' disks; mount, grow and freeze them.")
def volume() -> None:
    """Look into guests' disks; mount, grow and freeze them.

    Each command plans, checks and acts as notebook 09 does, for one guest. Without --apply it shows the
    plan and changes nothing. What shall last belongs in the parameters, under `management`: the
    notebook unmounts and removes what is not listed there.

    \b
    Examples:
      runbook volume list params/myhost.yml
      runbook volume mount params/myhost.yml windows 3 /mnt/windows --apply
      runbook volume unmount params/myhost.yml windows --apply
      runbook volume snapshot params/myhost.yml comm comm-monday 5 --apply
      runbook volume grow params/myhost.yml comm 20 --apply
    """


@volume.command("list", short_help="Show what every guest's volume holds.")
@_PARAMS
@AS_JSON
def list_(params: str, as_json: bool) -> None:
    """Show what every guest's volume holds: partitions, file systems, and who uses them.

    \b
    Examples:
      runbook volume list params/myhost.yml
      runbook volume list params/myhost.yml --json
    """
    with _opened(params) as book:
        if as_json:
            from runbook.show import volumes

            book.show("volumes")
            print_json(volumes.rows(book.params, book.facts))
        else:
            _print(book)


@volume.command(short_help="Mount a partition of a guest's disk on the host.")
@_PARAMS
@_GUEST
@click.argument("partition", type=click.IntRange(0, 128))
@click.argument("folder")
@click.option("--writable", is_flag=True, help="Mount for writing; the guest must be off.")
@click.option("--snapshot", metavar="NAME", help="Look into this snapshot; works while the guest runs.")
@_APPLY
def mount(
    params: str, guest: str, partition: int, folder: str, writable: bool, snapshot: str | None, act: bool
) -> None:
    """Mount a partition of a guest's disk on the host's FOLDER, read-only unless --writable.

    PARTITION is its number in the guest's own table (`runbook volume list`), 0 for a volume without one.

    \b
    Example:
      runbook volume mount params/myhost.yml windows 3 /mnt/windows --apply
    """
    from runbook.steps.shared import single

    new = {"guest": guest, "partition": partition, "at": folder, "writable": writable, "snapshot": snapshot}
    _run(params, "mount_partitions", act, lambda p: single.mounted(p, new))


@volume.command(short_help="Unmount what the runbook mounted of a guest's disk.")
@_PARAMS
@_GUEST
@_APPLY
def unmount(params: str, guest: str, act: bool) -> None:
    """Unmount what the runbook has mounted of a guest's disk, and of snapshots of it.

    \b
    Example:
      runbook volume unmount params/myhost.yml windows --apply
    """
    from runbook.steps.shared import single

    with _opened(params, "unmount_partitions", act=act) as book:
        book.params = single.unmounted(book.params, book.facts, guest)
        _carry(book, "unmount_partitions", act)


@volume.command(short_help="Make a guest's volume larger.")
@_PARAMS
@_GUEST
@click.argument("size_gib", type=click.IntRange(1))
@_APPLY
def grow(params: str, guest: str, size_gib: int, act: bool) -> None:
    """Make a guest's volume SIZE_GIB large. Write the size into the parameters too.

    \b
    Example:
      runbook volume grow params/myhost.yml comm 20 --apply
    """
    from runbook.steps.shared import single

    _run(params, "grow_volumes", act, lambda p: single.grown(p, guest, size_gib))


@volume.command(short_help="Freeze a view of a guest's disk.")
@_PARAMS
@_GUEST
@click.argument("name")
@click.argument("size_gib", type=click.IntRange(1))
@_APPLY
def snapshot(params: str, guest: str, name: str, size_gib: int, act: bool) -> None:
    """Freeze a view of a guest's disk as NAME, with room for SIZE_GIB of changes.

    \b
    Example:
      runbook volume snapshot params/myhost.yml comm comm-monday 5 --apply
    """
    from runbook.steps.shared import single

    new = {"guest": guest, "name": name, "size_gib": size_gib}
    _run(params, "take_snapshots", act, lambda p: single.frozen(p, new))


def _print(book: Book) -> None:
    """Print the disks within disks, and below them the table."""
    import pandas as pd

    from runbook.show import volumes

    click.echo(book.show("volumes").text.partition("\n\n")[0])
    if rows := volumes.rows(book.params, book.facts):
        click.echo()
        print_table(pd.DataFrame(rows).set_index("volume"))


@contextmanager
def _opened(
    path: str, step: str = "", change: Callable[[HostParams], HostParams] = lambda p: p, *, act: bool = False
) -> Iterator[Book]:
    """Give the book of notebook 09 on the host of a parameter file, and let go of the host at the end.

    To `act` on a real host is a run among the reports, with that one step.
    """
    from runbook import params as parameters
    from runbook.book import Book
    from runbook.cli.acting import NOTEBOOK, reached, recorded
    from runbook.engine.journal import Journal

    host_params = parameters.load(path)
    wanted = change(host_params)
    with reached(wanted) as host:
        keeps = recorded(host, host_params, path, step) if act else nullcontext(Journal(None))
        with keeps as journal:
            yield Book(wanted, "apply" if act else "plan", host, NOTEBOOK, journal)


def _run(path: str, step: str, act: bool, change: Callable[[HostParams], HostParams]) -> None:
    with _opened(path, step, change, act=act) as book:
        _carry(book, step, act)


def _carry(book: Book, step: str, act: bool) -> None:
    """Show a step's plan, and carry it out when that was asked for."""
    click.echo(book.plan(step).text)
    if act:
        book.apply(step)
    else:
        click.echo("\nNothing was changed. To do it: the same with --apply")
