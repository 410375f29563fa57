"""`runbook init`: a folder to work in, for who has the runbook from a package and no clone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runbook.controller.working_folder import Told


@click.command(short_help="Make a folder to work in, or bring one up to date.")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--update", is_flag=True, help="Bring a folder up to date; your own edits stay.")
def init(folder: Path | None, update: bool) -> None:
    """Make FOLDER a folder to work in: notebooks, parameters to begin with, pages, and room for reports.

    Everything in it is your own copy. No other folder is needed, and no clone of the project. A folder
    that has files of other content under these names is refused, and nothing is written.

    With --update it gets what the installed runbook brings (FOLDER left out: the one that you are in).
    What you did not touch is replaced. What you edited stays, and the new one is laid beside it as
    NAME.new. A notebook that you only ran is replaced, and the run one is laid beside it as NAME.old.
    Parameters and reports of your own are not looked at.

    \b
    Examples:
      runbook init xen-host
      runbook init --update
    """
    from runbook.controller import shipped, working_folder
    from runbook.controller.project import project

    if not update:
        if folder is None:
            raise click.UsageError("Name the folder to make, such as: runbook init xen-host")
        made = working_folder.make(folder)
        click.echo(
            f"{folder}: {len(made)} files of {shipped.version() or 'the runbook'}; nothing else is needed."
        )
        here = "" if folder.resolve() == Path.cwd() else f"cd {folder}, then: "
        click.echo(f"{here}runbook run")
        click.echo("It replays the recorded host; README.md says what else there is.")
        return
    place = folder or project()
    told = working_folder.update(place)
    _tell(told)
    click.echo(f"{place} is of {shipped.version() or 'the runbook that is installed'} now.")


def _tell(told: Iterable[Told]) -> None:
    """Print a line for each file that became another one, and for each that needs a look."""
    says = {
        "added": "added",
        "replaced": "replaced",
        "kept": "kept as you edited it",
        "run": "replaced; it was run, and its outputs",
        "gone": "no longer part of the runbook",
    }
    for one in told:
        if one.what == "kept" and not one.beside:
            continue
        where = (
            f", the new one is {one.beside}"
            if one.what == "kept"
            else f": {one.beside}"
            if one.beside
            else ""
        )
        click.echo(f"  {one.name}: {says[one.what]}{where}")
